"""``pkit holder``: for who is answerable for the real data."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from participant_kit.challenge.errors import KitError
from participant_kit.cli import console
from participant_kit.protocol.errors import printable
from participant_kit.protocol.keys import Role

if TYPE_CHECKING:
    from participant_kit.secure_side.egress import EgressLine

app = typer.Typer(name="holder", help="Keys, what has left the secure side, and what may.", no_args_is_help=True)


class DeskError(KitError):
    """The desk cannot be opened as asked."""

    code = "desk"


State = Annotated[Path, typer.Option(help="The runner's state folder.")]


@app.command()
def keys(
    file: Annotated[Path, typer.Argument(help="New file for the secret keys; it stays on the runner's machine.")],
    challenge: Annotated[Path, typer.Option(help="Challenge folder whose keys.json gets the public half.")],
    role: Annotated[Role, typer.Option(help="The runner that will use them.")] = Role.BLIND,
    json: console.Json = False,
) -> None:
    """Make a runner's keys; notebooks are sealed to them, and receipts signed with them.

    Example: pkit holder keys /secure/blind.key --challenge ./heart
    """
    from participant_kit.secure_side.keys import make_keys

    public = make_keys(file, challenge, role)
    console.emit(
        public, f"Secret keys in {file}; public keys of the {role.value} runner added to {challenge / 'keys.json'}."
    )


Challenge = Annotated[Path, typer.Option(help="Challenge folder, whose keys.json has the public halves.")]


@app.command()
def list_keys(challenge: Challenge, json: console.Json = False) -> None:
    """Which keys a challenge has, and what has become of each.

    Example: pkit holder list-keys --challenge ./heart
    """
    from participant_kit.challenge.folder import ChallengeFolder
    from participant_kit.secure_side.keys import key_ring

    ring = key_ring(ChallengeFolder(challenge))
    table = Table("key", "runner", "made", "state", title="Public keys" if ring.runners else "There are no keys yet.")
    for one in ring.runners:
        made = f"{one.since:%Y-%m-%d %H:%M} UTC" if one.since else ""
        table.add_row(one.signing[:16], one.role.value, made, Text(printable(ring.state_of(one))))
    found = [one.model_dump(mode="json") | {"state": ring.state_of(one)} for one in ring.runners]
    console.emit(found, table)


@app.command()
def rotate_keys(
    old: Annotated[Path, typer.Argument(help="The secret keys that the runner has now.")],
    file: Annotated[Path, typer.Argument(help="New file for the secret keys that follow.")],
    challenge: Challenge,
    overlap: Annotated[str, typer.Option(help="For how long the old keys go on beside the new ones.")] = "30 days",
    json: console.Json = False,
) -> None:
    """Replace a runner's keys: for a while the kits of before and the new one both work.

    Example: pkit holder rotate-keys /secure/blind.key /secure/blind-2.key --challenge ./heart --overlap "30 days"
    """
    from participant_kit.challenge.units import parse_duration
    from participant_kit.secure_side import keys
    from participant_kit.secure_side.errors import SecureSideError

    try:
        length = parse_duration(overlap)
    except ValueError as error:
        raise SecureSideError(f"--overlap {overlap!r}: {error}.") from None
    before, after = keys.rotate_keys(old, file, challenge, length)
    steps = (
        f"The key {before.signing[:16]} ends on {before.until:%Y-%m-%d %H:%M} UTC; {after.signing[:16]} follows.\n"
        f"1. Start the runner again with: --keys {file} --keys {old}\n"
        "2. Publish the kit again, and tell participants its SHA-256 by another way than the gateway.\n"
        f"3. After the end, start the runner with --keys {file} alone, and destroy {old}."
    )
    console.emit({"old": before.model_dump(mode="json"), "new": after.model_dump(mode="json")}, Text(steps))


@app.command()
def revoke_key(
    key: Annotated[str, typer.Argument(help="The public key, as `pkit holder list-keys` shows it.")],
    challenge: Challenge,
    by: Annotated[Path, typer.Option(help="Secret keys that sign this: a blind runner's, or the key's own.")],
    reason: Annotated[str, typer.Option(help="Shown to participants.")] = "",
    json: console.Json = False,
) -> None:
    """Say that a key must not be trusted any more, as when its file was stolen. This cannot be undone.

    Example: pkit holder revoke-key 5b1f09c2 --challenge ./heart --by /secure/blind-2.key --reason "disk stolen"
    """
    from participant_kit.challenge.folder import ChallengeFolder
    from participant_kit.secure_side import keys

    said = keys.revoke_key(key, challenge, reason, by)
    left = [one for one in keys.key_ring(ChallengeFolder(challenge)).in_use() if one.role == Role.BLIND]
    steps = [] if left else [f"No key of a blind runner is left: pkit holder keys FILE --challenge {challenge}"]
    steps += ["Stop every runner that has it.", "Publish the kit again, and tell participants by another way as well."]
    lines = [f"Done: {said}.", *(f"{number}. {step}" for number, step in enumerate(steps, 1))]
    console.emit(said, Text("\n".join(lines)))


@app.command()
def egress(
    state: State,
    challenge: Annotated[str | None, typer.Option(help="Of this challenge alone.")] = None,
    participant: Annotated[str | None, typer.Option(help="Of this participant alone.")] = None,
    phase: Annotated[str | None, typer.Option(help="Of this phase alone.")] = None,
    kind: Annotated[str | None, typer.Option(help="result, started, stopped, held or rehearsal.")] = None,
    since: Annotated[datetime | None, typer.Option(help="From this moment on, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Before this moment, UTC.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Say what was verified, and list nothing.")] = False,
    keys: Annotated[
        list[Path] | None, typer.Option(help="keys.json of each challenge: the head must be signed by one of them.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the fields to this new file instead.")] = None,
    json: console.Json = False,
) -> None:
    """Every message that has left, field by field with its bits; chain and signed head are verified.

    Example: pkit holder egress --state /secure/state --participant ada --since 2026-11-01
    """
    from participant_kit.secure_side.egress_file import write_csv

    everything = _read(state, keys or [])
    if verify:
        last = everything[-1] if everything else None
        end = f"the last of {last.time:%Y-%m-%d %H:%M:%S} UTC, hash {last.hash}" if last else "none yet"
        signed = "signed by a key of yours" if keys else "signed; by whom was not asked (--keys)"
        found = {"lines": len(everything), "hash": last.hash if last else None, "keys_checked": bool(keys)}
        console.emit(found, f"{len(everything)} lines, {end}.\nNo gap, no edit, nothing cut off; the head is {signed}.")
        return
    wanted = {"challenge": challenge, "participant": participant, "phase": phase, "kind": kind}
    lines = [
        line
        for line in everything
        if all(value in (None, getattr(line, name)) for name, value in wanted.items())
        and (since is None or line.time >= since.replace(tzinfo=UTC))
        and (until is None or line.time < until.replace(tzinfo=UTC))
    ]
    if csv:
        write_csv(csv, lines)
        console.emit({"file": str(csv), "lines": len(lines)}, f"{len(lines)} lines written to {csv}.")
        return
    table = Table("what left", "value", "bits", title="Egress log, chain and head verified")
    for line in lines:
        who = f"{line.sequence}  {line.time:%Y-%m-%d %H:%M:%S} UTC  {line.participant}, {line.phase}, {line.kind}"
        table.add_row(Text(f"{who}\n{line.submission}", style="bold"), "", Text(f"{line.bits:.2f}", style="bold"))
        for field in line.fields:
            table.add_row(f"  {field.name}", Text(str(field.value)), f"{field.bits:.2f}")
        table.add_section()
    console.emit([line.model_dump(mode="json") for line in lines], table)


@app.command()
def fingerprint(
    challenge: Challenge,
    prove: Annotated[
        str | None, typer.Option(help="A file below private/: print the proof that it is in, and nothing of others.")
    ] = None,
    json: console.Json = False,
) -> None:
    """The fingerprint of the private data that receipts name: one number (a Merkle root), and each file's SHA-256.

    Example: pkit holder fingerprint --challenge ./heart --prove final/labels.parquet --json
    """
    from participant_kit.challenge.folder import ChallengeFolder
    from participant_kit.protocol.merkle import prove_file, tree_root
    from participant_kit.secure_side.data import data_digests

    digests = data_digests(ChallengeFolder(challenge.resolve()))
    root = tree_root(digests)
    if prove is not None:
        proof = prove_file(digests, prove)
        console.emit(proof, Text(f"{proof.sha256}  {proof.path}\nis in {root}, by way of {proof.path_hashes}"))
        return
    lines = [f"{digest}  {path}" for path, digest in sorted(digests.items())]
    console.emit({"root": root, "files": digests}, Text("\n".join([*lines, f"Fingerprint: {root}"])))


@app.command()
def ledger(state: State, json: console.Json = False) -> None:
    """Bits about the data: spent, reserved for what runs or waits, and left of each budget.

    Example: pkit holder ledger --state /secure/state
    """
    from participant_kit.secure_side.ledger import Ledger

    balances = sorted(Ledger.of(_read(state, [])).balances.items())
    table = Table("budget of", "bits spent", "reserved", "budget", "left", "", title="Ledger")
    rows = []
    for account, balance in balances:
        if account.scope == "dataset" and not account.dataset:
            continue  # rehearsals, which see no data
        names = (account.challenge, account.phase, account.participant, account.dataset[:16])
        left = None if balance.budget is None else max(balance.budget - balance.charged, 0.0)
        rows.append(asdict(account) | asdict(balance) | {"left": left})
        bar = ProgressBar(balance.budget, balance.charged, width=24) if balance.budget else ""
        table.add_row(
            Text(f"{account.scope} {', '.join(name for name in names if name)}"),
            f"{balance.spent:.2f}",
            f"{balance.reserved:.2f}",
            "" if balance.budget is None else f"{balance.budget:g}",
            "" if left is None else f"{left:.2f}",
            bar,
        )
    console.emit(rows, table)


@app.command()
def review(state: State, json: console.Json = False) -> None:
    """Messages that wait for your yes, where the card says `review: true`.

    Example: pkit holder review --state /secure/state
    """
    from participant_kit.secure_side.review import waiting

    lines = waiting(state)
    table = Table("waits", "would leave", title="Waiting for your decision" if lines else "Nothing waits.")
    for line in lines:
        fields = "\n".join(f"{field.name} = {field.value}  ({field.bits:.2f} bits)" for field in line.fields)
        since = f"{line.submission}\n{line.participant}, {line.challenge}, {line.phase}\nsince {line.time:%F %T} UTC"
        table.add_row(Text(since), Text(fields))
        table.add_section()
    console.emit([line.model_dump(mode="json") for line in lines], table)


@app.command("open")
def open_desk(
    state: State,
    challenge: Annotated[Path | None, typer.Option(help="Challenge folder, to show its keys and their age.")] = None,
    sandbox: Annotated[str, typer.Option(help="The sandbox that the page can test.")] = "template",
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes a free one.")] = 0,
    json: console.Json = False,
) -> None:
    """Serve a page on this machine alone: what runs and waits, the ledger, what has left, keys, the sandbox's test.

    Example: pkit holder open --state /secure/state --challenge ./heart
    """
    import secrets
    import socket

    import uvicorn

    from participant_kit.secure_side.desk import create_desk

    _read(state, [])  # a folder that is none is said now
    code = secrets.token_hex(8)
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise DeskError(f"Port {port} cannot be listened on: {error.strerror}.", hint="Try --port 0.") from None
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    console.emit(
        {"address": address, "code": code},
        f"The desk is at [bold]{address}[/]\nIt asks for this code, once: [bold]{code}[/]\nStop it with Ctrl-C.",
    )
    sys.stdout.flush()
    config = uvicorn.Config(create_desk(state, code, challenge, sandbox), log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


Submission = Annotated[str, typer.Argument(help="The submission, as `pkit holder review` shows it.")]


@app.command()
def approve(submission: Submission, state: State, json: console.Json = False) -> None:
    """Let a message that waits leave, as it was shown.

    Example: pkit holder approve 0198c5e0-7a51-7cc3-98c4-dc0c0c07398f --state /secure/state
    """
    from participant_kit.secure_side.review import decide

    decide(state, submission)
    console.emit({"submission": submission, "approved": True}, f"The message of {submission} may leave.")


@app.command()
def refuse(
    submission: Submission,
    state: State,
    reason: Annotated[
        str, typer.Option(help="The word that leaves instead: held_back, looks_like_data or breaks_a_rule.")
    ] = "held_back",
    json: console.Json = False,
) -> None:
    """Hold back a message that waits; the participant is told the reason, which costs bits like any other answer.

    Example: pkit holder refuse 0198c5e0-7a51-7cc3-98c4-dc0c0c07398f --reason looks_like_data --state /secure/state
    """
    from participant_kit.secure_side.review import decide

    decide(state, submission, reason)
    console.emit({"submission": submission, "approved": False}, f"{submission} leaves as refused: {reason}.")


@app.command()
def stop(submission: Submission, state: State, json: console.Json = False) -> None:
    """End a run. It fails by no fault of the participant's, who is told no more than that.

    Example: pkit holder stop 0198c5e0-7a51-7cc3-98c4-dc0c0c07398f --state /secure/state
    """
    from participant_kit.secure_side.ledger import Ledger
    from participant_kit.secure_side.stop import stop

    stop(state, Ledger.of(_read(state, [])), submission)
    console.emit({"submission": submission, "stopped": True}, f"The runner ends {submission} within a second.")


def _read(state: Path, keys: list[Path]) -> list[EgressLine]:
    from participant_kit.protocol.keys import read_key_ring
    from participant_kit.secure_side.egress import HEAD, LOG, read_egress
    from participant_kit.secure_side.errors import SecureSideError

    path = state / LOG
    if not path.exists() and not path.with_name(HEAD).exists():
        raise SecureSideError(f"There is no egress log at {path}.", hint="Name the folder of the runner's --state.")
    return read_egress(path, [runner.signing for file in keys for runner in read_key_ring(file).runners])
