"""The commands of a participant."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.markup import escape

from participant_kit.challenge.errors import KitError
from participant_kit.cli import console
from participant_kit.cli.token import read_token

if TYPE_CHECKING:
    from participant_kit.challenge.folder import ChallengeFolder
    from participant_kit.participant import Client, Submission
    from participant_kit.participant.codabench.client import CodabenchClient
    from participant_kit.participant.codabench.place import Place
    from participant_kit.participant.login import Login
    from participant_kit.protocol.keys import KeyRing
    from participant_kit.protocol.messages import SubmissionStatus

receipt = typer.Typer(name="receipt", help="Receipts: what the secure side has signed.", no_args_is_help=True)

Notebook = Annotated[Path, typer.Argument(help="The notebook: a file that ends in .ipynb.")]
Identifier = Annotated[str, typer.Argument(help="A submission; the end of its identifier is enough.")]
Challenge = Annotated[
    str | None,
    typer.Option("--challenge", "-c", help="Challenge or kit folder. Default: the kit around the notebook or here."),
]
Codabench = Annotated[bool, typer.Option("--codabench", help="The address is that of a Codabench server.")]
Phase = Annotated[str | None, typer.Option("--phase", help="Default: the phase that is open.")]
Target = Annotated[str | None, typer.Argument(help="CHALLENGE or GATEWAY/CHALLENGE. Default: the kit you are in.")]


def add_commands(app: typer.Typer) -> None:
    """Add the participant's commands to ``app``."""
    for function in (login, join, check, rehearse, submit, status, watch, scores, leaderboard, cancel, explain):
        app.command()(function)
    app.command("list")(list_challenges)


def login(
    gateway: Annotated[str, typer.Argument(help="The gateway's address.")],
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="File with the token; - is standard input. Default: asks.")
    ] = None,
    codabench: Codabench = False,
    json: console.Json = False,
) -> None:
    """Keep a token for a gateway: in the system's keyring, else in a file that only you can read.

    With --codabench it asks for your user name and password there, which are changed for a token and kept nowhere;
    or it takes the token in --token-file.

    Example: pkit login https://gateway.example.org
    """
    from participant_kit.participant.login import login

    done = _login_codabench(gateway, token_file) if codabench else login(gateway, _ask_token(token_file))
    kept = "the system's keyring" if done.kept_in == "keyring" else "a file that only you can read"
    console.emit(done, escape(f"Logged in to {done.gateway} as {done.name} ({done.role}). The token is in {kept}."))


def join(
    challenge: Annotated[str, typer.Argument(help="GATEWAY/CHALLENGE, or CHALLENGE on the gateway you logged in to.")],
    folder: Annotated[Path | None, typer.Option(help="Where to put the kit. Default: ./CHALLENGE")] = None,
    checksum: Annotated[str | None, typer.Option(help="The kit's SHA-256, as the organizer told it to you.")] = None,
    kernel: Annotated[bool, typer.Option(help="Make a Jupyter kernel with the challenge's packages.")] = True,
    codabench: Codabench = False,
    json: console.Json = False,
) -> None:
    """Fetch a challenge's starter kit, verify it, and make its kernel. Again: bring it up to date.

    With --codabench, CHALLENGE is the address of a competition, such as https://www.codabench.org/competitions/1234:
    its starting kit and public data are put into ./codabench-1234. Register on its page first. From that folder,
    submit, status, watch, scores, leaderboard and cancel work with that server. Nothing is sealed there: whoever runs
    the server and its workers can read the notebook, and the organizer chooses what is shown of its run.

    Example: pkit join https://gateway.example.org/nhanes-diabetes
    """
    if codabench:
        _join_codabench(challenge, folder)
        return
    from participant_kit.participant import Client
    from participant_kit.participant.kit import read_link
    from participant_kit.protocol.address import split_challenge

    gateway, slug = split_challenge(challenge)
    with _working(f"Joining {slug}") as tell:
        kit = Client(gateway).join(slug, folder, checksum, tell, kernel=kernel)
    link = read_link(kit)
    digest = link.kit_sha256 if link else ""
    lines = [f"The kit of {slug} is in {kit.root}", f"SHA-256 {digest}"]
    if checksum is None:
        lines.append("Compare it with what the organizer says: the keys that protect your notebook are in this kit.")
    if kernel:
        lines.append(f"Start with {kit.notebooks_dir} and the kernel pkit-{slug}.")
    result = {"challenge": slug, "folder": str(kit.root), "kit_sha256": digest}
    console.emit(result | {"kernel": f"pkit-{slug}" if kernel else None}, escape("\n".join(lines)))


def check(notebook: Notebook, challenge: Challenge = None, json: console.Json = False) -> None:
    """Find what would make a notebook fail, without running it.

    Example: pkit check starter_notebooks/02_baseline.ipynb
    """
    warnings = _check(notebook, _kit(notebook, challenge))
    text = f"No errors in {notebook.name}" + (f", {len(warnings)} warnings." if warnings else ".")
    console.emit({"notebook": str(notebook), "errors": 0, "findings": warnings}, escape(text))


def rehearse(notebook: Notebook, challenge: Challenge = None, json: console.Json = False) -> None:
    """Run a notebook on the sample, on this machine, in the sandbox that the secure side uses where there is one.

    Example: pkit rehearse starter_notebooks/02_baseline.ipynb
    """
    from rich.console import Group

    from participant_kit.participant.rehearse import rehearse_notebook
    from participant_kit.participant.terminal import report_view

    with _working("Rehearsing") as tell:
        done = rehearse_notebook(notebook, _kit(notebook, challenge), progress=tell)
    if not done.contained:
        console.note(
            "[yellow]There is no sandbox on this machine: the notebook ran in a plain process.[/] "
            "Limits of memory, disk and processes, and the missing network, were not tried."
        )
    if done.passed:
        console.emit(done, f"Passed in {done.seconds:.1f} s. Next: pkit submit {escape(str(notebook))}")
        return
    console.emit(done, Group(report_view(done), f"[red]Failed after {done.seconds:.1f} s.[/]"))
    raise typer.Exit(1)


def submit(
    notebook: Notebook,
    challenge: Challenge = None,
    phase: Phase = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the scores; exit 0 only if there are any.")] = False,
    checks: Annotated[bool, typer.Option("--check/--no-check", help="Refuse a notebook with errors.")] = True,
    json: console.Json = False,
) -> None:
    """Seal a notebook and send it to be run blind on the real data.

    In the folder of a Codabench competition, or with its address as --challenge, it is sent there, as a zip and not
    sealed; a folder of result files can be sent there too.

    Example: pkit submit starter_notebooks/02_baseline.ipynb --wait
    """
    if place := _place(notebook, challenge):
        _submit_codabench(place, notebook, phase, wait, checks)
        return
    from participant_kit.challenge.alphabet import alphabet_of
    from participant_kit.participant.clients import client_of
    from participant_kit.participant.terminal import bits_text, describe, quota_text

    kit = _kit(notebook, challenge)
    if checks:
        _check(notebook, kit)
    card, client = kit.card, client_of(kit)
    bits = alphabet_of(card).bits
    rules = card.release
    console.note(
        f"This run can reveal at most {bits:.1f} bits about the data; {rules.budget_bits:g} bits are allowed per "
        f"participant and phase, {rules.challenge_budget_bits:g} in this challenge, {rules.data_budget_bits:g} of this "
        "data set for ever."
    )
    with suppress(KitError):  # the gateway says no by itself
        console.note(escape(bits_text(client.quota(card.slug, phase))))
    with _working(f"Sending {notebook.name}"):
        submission = client.submit(notebook, challenge=kit.root, phase=phase)
    with suppress(KitError):  # it was sent; what is left can be asked for later
        console.note(escape(quota_text(client.quota(card.slug, submission.status.phase))))
    if wait:
        _finish(submission)
        return
    console.emit(
        describe(submission) | {"most_bits": bits},
        f"Submitted {submission.id}. See it with: pkit watch {submission.id}",
    )


def status(
    identifier: Annotated[str | None, typer.Argument(help="A submission. Default: all of yours.")] = None,
    challenge: Challenge = None,
    log: Annotated[bool, typer.Option("--log", help="Show the whole log of a rehearsal that failed.")] = False,
    json: console.Json = False,
) -> None:
    """Show one submission in full, or all of yours.

    Example: pkit status 9f3c81d2
    """
    from participant_kit.participant.terminal import describe, report_view, submission_view, submissions_table

    if identifier is None:
        client, slug = _where(challenge)
        listed = client.submissions(slug)
        console.emit([own.status for own in listed], submissions_table(listed) if listed else "No submissions yet.")
        return
    submission = _where(challenge)[0].submission(identifier)
    if log:
        report = submission.log()
        console.emit(report, report_view(report))
        return
    console.emit(describe(submission), submission_view(submission))


def watch(identifier: Identifier, challenge: Challenge = None, json: console.Json = False) -> None:
    """Follow a submission until it has ended; exit 0 only if it was scored.

    Example: pkit watch 9f3c81d2
    """
    _finish(_where(challenge)[0].submission(identifier))


def scores(identifier: Identifier, challenge: Challenge = None, json: console.Json = False) -> None:
    """Show the scores of a submission, verified against the data holder's keys; exit 0 only if there are any.

    Example: pkit scores 9f3c81d2
    """
    from participant_kit.participant.terminal import describe, scores_table, submission_view

    submission = _where(challenge)[0].submission(identifier)
    found = submission.scores
    console.emit(describe(submission), scores_table(found) if found else submission_view(submission))
    if not found:
        raise typer.Exit(1)


def leaderboard(
    challenge: Target = None,
    phase: Phase = None,
    offset: Annotated[int | None, typer.Option(min=0, help="Pass over so many of the best.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=1000, help="Show so many; the best 100 by default.")] = None,
    add: Annotated[
        str | None, typer.Option(help="Put this submission of yours there first, where Codabench leaves that to you.")
    ] = None,
    json: console.Json = False,
) -> None:
    """Show the leaderboard of a challenge, with your row marked.

    Example: pkit leaderboard nhanes-diabetes --phase development
    """
    from participant_kit.participant.terminal import leaderboard_table

    client, slug = _where(challenge)
    if slug is None:
        raise typer.BadParameter("Name a challenge, or go to the folder of a kit.", param_hint="CHALLENGE")
    if add:
        client.submission(add).put_on_leaderboard()
    board = client.leaderboard(slug, phase, offset=offset, limit=limit)
    console.emit(board, leaderboard_table(board))


def cancel(identifier: Identifier, challenge: Challenge = None, json: console.Json = False) -> None:
    """Take a submission back that has not ended.

    Example: pkit cancel 9f3c81d2
    """
    from participant_kit.participant.terminal import describe, submission_view

    submission = _where(challenge)[0].cancel(identifier)
    console.emit(describe(submission), submission_view(submission))


def explain(
    what: Annotated[str, typer.Argument(help="A submission that failed, or a stage or reason, such as KeyError.")],
    challenge: Challenge = None,
    json: console.Json = False,
) -> None:
    """Say in a sentence why a submission failed, and what to do next.

    Of a submission from this machine it shows the cell, what is usual on real data, and the columns that the cell uses.
    Example: pkit explain not_finite
    """
    from participant_kit.participant.cell_help import cell_help
    from participant_kit.participant.errors import ParticipantError
    from participant_kit.participant.explain import REASONS, STAGES, explain
    from participant_kit.participant.terminal import cell_view

    more = None
    if known := STAGES.get(what) or REASONS.get(what):
        said = known
    else:
        submission = _where(challenge)[0].submission(what)
        failure = submission.failure
        if failure is None:
            raise ParticipantError(f"{submission.id} is {submission.state.value}: there is nothing to explain.")
        on_sample = submission.status.has_log
        said = explain(failure, on_sample=on_sample)
        try:
            more = None if on_sample else cell_help(submission.id, failure)
        except KitError as error:
            console.note(f"{escape(error.message)} So its cell is not shown.")
    sentences = f"{escape(said.sentence)}\n[bold]Next:[/] {escape(said.next_step)}"
    result = {"explanation": said.sentence, "next_step": said.next_step, "cell": asdict(more) if more else None}
    console.emit(result, Group(sentences, cell_view(more)) if more else sentences)


def list_challenges(
    gateway: Annotated[str | None, typer.Argument(help="A gateway. Default: the one you logged in to.")] = None,
    codabench: Codabench = False,
    json: console.Json = False,
) -> None:
    """List the challenges that a gateway offers; with --codabench, the competitions in which you take part.

    Example: pkit list https://gateway.example.org
    """
    if codabench:
        _list_codabench(gateway)
        return
    from participant_kit.participant import Client
    from participant_kit.participant.terminal import challenges_table

    challenges = Client(gateway).challenges()
    console.emit(challenges, challenges_table(challenges) if challenges else "This gateway has no challenge yet.")


@receipt.command()
def verify(
    receipt: Annotated[str, typer.Argument(help="A receipt's file, or a submission.")],
    keys: Annotated[Path | None, typer.Option(help="keys.json. Default: that of the kit you are in.")] = None,
    challenge: Challenge = None,
    save: Annotated[Path | None, typer.Option(help="Write the receipt of a submission to this file.")] = None,
    proof: Annotated[
        Path | None, typer.Option(help="Written by `pkit holder fingerprint --prove`: was this file among the data?")
    ] = None,
    json: console.Json = False,
) -> None:
    """Verify that the secure side has signed a score; with a file, no network is needed.

    Example: pkit receipt verify receipt.json --keys keys.json
    """
    from participant_kit.participant.receipt_file import check_proof, verify_file, write_receipt
    from participant_kit.participant.terminal import receipt_view
    from participant_kit.protocol.keys import read_key_ring

    if Path(receipt).is_file():
        verified = verify_file(Path(receipt), read_key_ring(keys) if keys else _trusted(Path(receipt), challenge))
    else:
        submission = _where(challenge)[0].submission(receipt)
        verified = submission.receipt()
        if save:
            write_receipt(save, submission.envelope())
    if proof:
        check_proof(verified, proof)
    console.emit(verified, receipt_view(verified))


def _login_codabench(server: str, token_file: Path | None) -> Login:
    from participant_kit.participant.codabench.client import login, login_with_token

    if token_file:
        return login_with_token(server, _ask_token(token_file))
    if sys.stdin.isatty():
        return login(server, typer.prompt("User name", err=True), typer.prompt("Password", hide_input=True, err=True))
    username, _, password = sys.stdin.read().partition("\n")
    return login(server, username.strip(), password.rstrip("\r\n"))


def _join_codabench(competition: str, folder: Path | None) -> None:
    from participant_kit.participant.codabench.address import page_of, split_competition
    from participant_kit.participant.codabench.client import CodabenchClient

    server, number = split_competition(competition)
    client = CodabenchClient(server, number)
    with _working(f"Joining competition {number}") as tell:
        place = client.join(number, folder, tell)
        status = client.competition().participant_status
    lines = [f"{place.title} is in {place.folder}", _UNSEALED]
    if status != "approved":
        lines.append(f"You cannot submit yet ({status or 'not registered'}). Register at {page_of(server, number)}")
    result = {"server": server, "competition": number, "folder": str(place.folder), "participant_status": status}
    console.emit(result, escape("\n".join(lines)))


def _submit_codabench(place: Place, path: Path, phase: str | None, wait: bool, checks: bool) -> None:
    from participant_kit.challenge.folder import find_challenge
    from participant_kit.participant.codabench.client import client_at
    from participant_kit.participant.terminal import describe, quota_text

    client = client_at(place)
    if checks and path.suffix == ".ipynb" and (kit := find_challenge(path.absolute().parent)):
        _check(path, kit)
    console.note(_UNSEALED)
    with _working(f"Sending {path.name}"):
        submission = client.submit(path, phase=phase)
    with suppress(KitError):  # it was sent; what is left can be asked for later
        console.note(escape(quota_text(client.quota(phase=submission.status.phase))))
    if wait:
        _finish(submission)
        return
    console.emit(describe(submission), f"Submitted {submission.id}. See it with: pkit watch {submission.id}")


def _list_codabench(server: str | None) -> None:
    from participant_kit.participant.codabench.client import CodabenchClient
    from participant_kit.participant.terminal import competitions_table

    if server is None:
        raise typer.BadParameter("Give the address of the Codabench server.", param_hint="GATEWAY")
    found = CodabenchClient(server).competitions()
    nothing = "You take part in no competition there. Register on a competition's page."
    console.emit(found, competitions_table(found) if found else nothing)


_UNSEALED = (
    "This is a Codabench server: nothing is sealed or signed. Whoever runs it and its workers can read what you send, "
    "and the organizer chooses which logs and scores are shown."
)


def _place(notebook: Path, challenge: str | None) -> Place | None:
    """The Codabench competition that is meant, if one is."""
    from participant_kit.participant.codabench.place import find_place

    start = notebook if notebook.is_dir() else notebook.parent
    return find_place(start, challenge) or (find_place(Path.cwd()) if challenge is None else None)


def _trusted(path: Path, challenge: str | None) -> KeyRing:
    """The keys of the kit that ``path`` lies in, or that is named."""
    from participant_kit.participant.kit import read_link
    from participant_kit.participant.trust import trusted_ring
    from participant_kit.protocol.keys import read_key_ring

    kit = _kit(path, challenge)
    link = read_link(kit)
    return trusted_ring(kit, link.gateway, link.challenge) if link else read_key_ring(kit.keys_path)


def _ask_token(file: Path | None) -> str:
    if file is None and sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True, err=True))
    if file is None or str(file) == "-":
        return sys.stdin.read()
    return read_token(file) or ""


def _kit(path: Path, challenge: str | None) -> ChallengeFolder:
    from participant_kit.participant.kit import find_kit

    return find_kit(path.absolute().parent, challenge)


def _where(target: str | None) -> tuple[Client | CodabenchClient, str | None]:
    """The client and the challenge that ``target`` names; None for no challenge in particular."""
    from participant_kit.participant.clients import client_for

    return client_for(target)


def _check(notebook: Path, kit: ChallengeFolder) -> list[object]:
    """Show the warnings; raise for errors."""
    from participant_kit.challenge.finding import FindingsError
    from participant_kit.participant.check import check_notebook
    from participant_kit.participant.terminal import findings_view

    findings = check_notebook(notebook, kit)
    warnings = [finding for finding in findings if finding.level == "warning"]
    if warnings:
        console.note(findings_view(warnings))
    if len(warnings) < len(findings):
        errors = [finding for finding in findings if finding.level == "error"]
        raise FindingsError(errors, hint="Correct these cells; pkit check looks again.")
    return list(warnings)


def _finish(submission: Submission) -> None:
    """Wait for the end, show it, and exit with 1 unless it was scored."""
    from participant_kit.participant.terminal import describe, report_view, state_text, submission_view
    from participant_kit.protocol.states import State

    with _working(submission.state.value) as tell:

        def progress(status: SubmissionStatus) -> None:
            tell(state_text(status).plain)

        try:
            submission.wait(progress=progress)
        except KeyboardInterrupt:
            console.note(f"The submission goes on without you. See it with: pkit watch {submission.id}")
            raise typer.Exit(130) from None
    if submission.status.has_log:
        console.note(report_view(submission.log()))
    console.emit(describe(submission), submission_view(submission))
    if submission.state is not State.SCORED:
        raise typer.Exit(1)


@contextmanager
def _working(what: str) -> Iterator[Callable[[str], None]]:
    """A line on standard error that says what is being done; nothing with ``--json``."""
    if console.as_json():
        yield lambda line: None
        return
    with console.err.status(escape(what)) as spinner:

        def tell(line: str) -> None:
            spinner.update(escape(line))
            if not console.err.is_terminal or line.startswith("Kept "):
                console.note(escape(line))

        yield tell
