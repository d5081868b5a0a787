"""``pkit challenge``: for who makes a challenge of data that may not leave its holder."""

from __future__ import annotations

import json as jsonlib
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Group
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from participant_kit.challenge.finding import Finding
from participant_kit.challenge.folder import PRIVATE, ChallengeFolder
from participant_kit.cli import console
from participant_kit.cli.confirm import confirm
from participant_kit.cli.token import TokenError, read_token
from participant_kit.organizer.codabench.note import MEANING, Note

if TYPE_CHECKING:
    from participant_kit.organizer.parity import Parity
    from participant_kit.organizer.synthesize import Guarantee

app = typer.Typer(name="challenge", help="Make a challenge, check it, publish it.", no_args_is_help=True)
app.command()(confirm)

Folder = Annotated[Path, typer.Argument(help="The challenge folder, which holds challenge.yaml.")]
Gateway = Annotated[str | None, typer.Option(help="The gateway's address. Default: the one you logged in to.")]
TokenFile = Annotated[
    Path | None, typer.Option(help="File with the organizer's token. Default: PKIT_TOKEN, or what `pkit login` kept.")
]

NoParity = Annotated[
    bool, typer.Option("--no-parity", help="Do not run the starter notebooks on the real data before.")
]


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="New folder; its name becomes the challenge's short name.")],
    data: Annotated[Path, typer.Option(help="The real data: one CSV or Parquet file with a row for each case.")],
    target: Annotated[str, typer.Option(help="The column that is to be predicted.")],
    identifier: Annotated[str, typer.Option("--id", help="The column that identifies a row.")],
    title: Annotated[str | None, typer.Option(help="What the challenge is called.")] = None,
    test_share: Annotated[float, typer.Option(help="Share of the rows that are predicted, in (0, 1).")] = 0.3,
    seed: Annotated[int, typer.Option(help="Fixes the split and the sample.")] = 0,
    json: console.Json = False,
) -> None:
    """Make a challenge folder that works at once: card, codebook, splits, sample, starter notebooks.

    Example: pkit challenge new heart --data patients.csv --target died --id patient
    """
    from participant_kit.organizer.check import check_challenge
    from participant_kit.organizer.scaffold import new_challenge

    made = new_challenge(folder, data, target, identifier, title=title, test_share=test_share, seed=seed, tell=_tell)
    findings = check_challenge(made)
    text = Group(
        f"[green]{escape(str(folder))}[/] is a challenge. Next:",
        escape(f"  1. Read {made.codebook_path.name} and {made.card_path.name}; correct what was guessed."),
        escape(f"  2. pkit challenge confirm {folder}      # column by column"),
        escape(f"  3. pkit challenge synthesize {folder}   # a private sample"),
        escape(f"  4. pkit holder keys KEYFILE --challenge {folder}"),
        escape(f"  5. pkit challenge publish {folder} --gateway https://..."),
    )
    console.emit({"folder": str(made.root), "findings": findings}, text)


@app.command()
def check(folder: Folder, json: console.Json = False) -> None:
    """Check everything against everything; print all mistakes at once; exit 1 when there is an error.

    Example: pkit challenge check heart
    """
    from participant_kit.organizer.check import check_challenge

    findings = check_challenge(ChallengeFolder(folder))
    console.emit({"findings": findings}, _report(findings))
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


@app.command()
def synthesize(
    folder: Folder,
    epsilon: Annotated[
        float | None, typer.Option(help="What the sample may spend of a person's privacy. Default of private: 1.")
    ] = None,
    mode: Annotated[
        str, typer.Option(help="private, mst, schema (no look at the data), program, or a plug-in.")
    ] = "private",
    rows: Annotated[int | None, typer.Option(min=1, help="Rows of train. Default: about as many as there are.")] = None,
    test_rows: Annotated[int | None, typer.Option(min=1, help="Rows of test.parquet. Default: half of train.")] = None,
    seed: Annotated[int | None, typer.Option(help="For the mode schema: the same seed gives the same rows.")] = None,
    program: Annotated[str, typer.Option(help="For the mode program: the command that makes the sample.")] = "",
    report: Annotated[bool, typer.Option(help="Write the two reports on the sample.")] = True,
    json: console.Json = False,
) -> None:
    """Write the sample that participants work on, differentially private by default, and two reports on it.

    Example: pkit challenge synthesize heart --epsilon 1
    """
    from participant_kit.organizer.synthesize import Request, write_sample

    challenge = ChallengeFolder(folder)
    request = Request(rows, test_rows, epsilon, seed, tuple(shlex.split(program)))
    sample = write_sample(challenge, mode, request)
    for note in sample.notes:
        _tell(note)
    result = {"folder": str(challenge.sample_dir), "guarantee": sample.guarantee, "notes": sample.notes}
    result |= {"rows": {name: len(table) for name, table in sample.tables.items()}}
    text = [
        f"{len(sample.tables['train'])} rows of train and {len(sample.tables['test'])} of test are in "
        f"{escape(str(challenge.sample_dir))}.",
        _promise(sample.guarantee),
    ]
    if report:
        figures = _write_reports(challenge, sample.guarantee, sample.notes)
        result["reports"] = figures["reports"]
        text += figures["text"]
    console.emit(result, "\n".join(text))


@app.command("report")
def report_command(
    folder: Folder,
    attacks: Annotated[
        bool, typer.Option(help="Attack the sample with anonymeter, in an environment of its own.")
    ] = False,
    parity: Annotated[bool, typer.Option(help="Run the starter notebooks on the sample and on the real data.")] = False,
    json: console.Json = False,
) -> None:
    """Write the two reports on the sample again: the organizer's, which stays, and the one that is published.

    Example: pkit challenge report heart --attacks --parity
    """
    from participant_kit.organizer.errors import OrganizerError
    from participant_kit.organizer.synthesize import read_guarantee

    challenge = ChallengeFolder(folder)
    if (guarantee := read_guarantee(challenge)) is None:
        raise OrganizerError("There is no sample to report on.", hint="Make one: pkit challenge synthesize FOLDER")
    figures = _write_reports(challenge, guarantee, [], attacks=attacks, parity=parity)
    console.emit({"reports": figures["reports"]}, "\n".join(figures["text"]))


def _write_reports(
    challenge: ChallengeFolder,
    guarantee: Guarantee,
    notes: list[str],
    *,
    attacks: bool = False,
    parity: bool = False,
) -> dict[str, list[str]]:
    """Write both reports; their paths, and what to print of them."""
    from participant_kit.organizer.parity import check_parity
    from participant_kit.organizer.report import ORGANIZER, run_attacks, write_organizer_report, write_published_report

    published = write_published_report(challenge, guarantee)
    own = challenge.root / PRIVATE / f"{ORGANIZER}.html"
    figures = run_attacks(challenge, tell=_tell) if attacks else None
    differences = check_parity(challenge, tell=_tell).findings if parity else None
    report = write_organizer_report(challenge, guarantee, notes=notes, attacks=figures, parity=differences, tell=_tell)
    text = [f"  {escape(statement.text)}" for statement in report.verdict]
    text += [f"For you, and nobody else: {escape(str(own))}", f"To be published: {escape(str(published))}"]
    return {"reports": [str(own), str(published)], "text": text}


def _promise(guarantee: Guarantee) -> str:
    """The guarantee in a line; in red where there is none."""
    if guarantee.epsilon is None:
        return f"[{'bold red' if guarantee.looks_at_data else 'green'}]{escape(guarantee.statement)}[/]"
    unit = (
        guarantee.privacy_unit
        if guarantee.rows_per_unit == 1
        else f"{guarantee.privacy_unit} ({guarantee.rows_per_unit} rows)"
    )
    return (
        f"[green]epsilon {guarantee.epsilon:.3g}[/], delta {guarantee.delta:g}, for each {escape(unit)}; "
        f"all samples so far: epsilon {guarantee.epsilon_total:.3g}."
    )


@app.command()
def parity(
    folder: Folder,
    phase: Annotated[str | None, typer.Option(help="Whose real data. Default: the first phase.")] = None,
    notebook: Annotated[str | None, typer.Option(help="One starter notebook. Default: all of them.")] = None,
    json: console.Json = False,
) -> None:
    """Run the starter notebooks on the sample and on the real data; tell what differs; exit 1 on an error.

    Example: pkit challenge parity heart
    """
    from participant_kit.organizer.parity import check_parity

    report = check_parity(ChallengeFolder(folder), phase=phase, notebook=notebook, tell=_tell)
    console.emit(report, Group(_both_runs(report), _report(report.findings)))
    if any(finding.level == "error" for finding in report.findings):
        raise typer.Exit(1)


@app.command()
def kit(folder: Folder, no_parity: NoParity = False, json: console.Json = False) -> None:
    """Build the starter kit, as a folder and as a zip; the same files give the same bytes.

    Example: pkit challenge kit heart
    """
    from participant_kit.organizer.kit import build_kit

    _warn_of_parity(no_parity)
    build = build_kit(ChallengeFolder(folder), parity=not no_parity, tell=_tell)
    _warn(build.warnings)
    result = {"folder": str(build.folder), "zip": str(build.zip), "sha256": build.digest, "files": build.files}
    size = decimal(build.zip.stat().st_size)
    text = f"{escape(str(build.zip))}  {len(build.files)} files, {size}\nsha256 {build.digest}"
    console.emit(result, text)


@app.command()
def publish(
    folder: Folder,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    no_parity: NoParity = False,
    json: console.Json = False,
) -> None:
    """Build the kit and register the challenge on a gateway; again after a change.

    Example: pkit challenge publish heart --gateway https://gateway.example.org
    """
    from participant_kit.organizer.publish import publish_challenge

    address, token = _account(gateway, token_file)
    _warn_of_parity(no_parity)
    build, info = publish_challenge(ChallengeFolder(folder), address, token, parity=not no_parity, tell=_tell)
    _warn(build.warnings)
    text = (
        f"Published [green]{address}/{info.card.slug}[/]\nsha256 {info.kit_sha256}\n"
        f"Participants join with: pkit join {address}/{info.card.slug} --checksum {info.kit_sha256}"
    )
    console.emit(info, text)


@app.command("import")
def import_command(
    bundle: Annotated[Path, typer.Argument(help="The Codabench bundle: a folder or zip with competition.yaml.")],
    folder: Annotated[Path, typer.Argument(help="New folder; its name becomes the challenge's short name.")],
    score_range: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="KEY=LOW:HIGH", help="What a column's scores lie between. Repeat for others."),
    ] = None,
    json: console.Json = False,
) -> None:
    """Make a challenge folder of a Codabench bundle; say what has no counterpart, and what was guessed.

    Example: pkit challenge import iris.zip iris --range Duration=0:600
    """
    from participant_kit.organizer.codabench.bring import import_bundle
    from participant_kit.organizer.codabench.score_range import parse_ranges

    made = import_bundle(bundle, folder, parse_ranges(score_range or []))
    text = Group(
        f"[green]{escape(str(folder))}[/] is a challenge. What is not the same here, and is in its IMPORT.md:",
        _notes(made.notes),
        escape(f"Next: read it, then pkit challenge check {folder}"),
    )
    console.emit({"folder": str(made.folder.root), "card": made.card, "notes": made.notes}, text)


@app.command()
def export(
    folder: Folder,
    bundle: Annotated[Path, typer.Argument(help="The bundle to write: a zip if it is so called, else a folder.")],
    to: Annotated[Literal["codabench"], typer.Option(help="Whose form it has.")],
    docker_image: Annotated[
        str | None, typer.Option(help="The image with the card's packages. Default: one of Codabench's own.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PHASE/input=UUID",
            help="Data that you uploaded to Codabench, instead of your worker's. Repeat for others, as for "
            "PHASE/reference, or PHASE/TASK/input.",
        ),
    ] = None,
    json: console.Json = False,
) -> None:
    """Write a bundle for Codabench without any private row, and a folder with those rows for your own worker there.

    Example: pkit challenge export heart heart.zip --to codabench --docker-image example/heart:1
    """
    from participant_kit.organizer.codabench.send import export_challenge, parse_keys
    from participant_kit.organizer.codabench.to_competition import DEFAULT_IMAGE

    challenge = ChallengeFolder(folder)
    made = export_challenge(challenge, bundle, image=docker_image or DEFAULT_IMAGE, keys=parse_keys(key or []))
    if docker_image is None:
        console.note(f"[yellow]Without --docker-image[/] it is {DEFAULT_IMAGE}, which lacks some of the packages.")
    text = Group(
        f"[green]{escape(str(made.bundle))}[/] is a bundle for Codabench; no private row is in it.",
        f"[bold red]{escape(str(made.worker))}[/] has the private data, for your own worker and nobody else. "
        "Its README.md says what the worker's operator does.",
        _notes(made.notes),
    )
    console.emit({"bundle": str(made.bundle), "worker": str(made.worker), "notes": made.notes}, text)


@app.command()
def invite(
    name: Annotated[str, typer.Argument(help="Who is let in.")],
    role: Annotated[str, typer.Option(help="participant, organizer, runner or rehearsal.")] = "participant",
    valid_days: Annotated[int, typer.Option(help="Days until the token expires.")] = 365,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    json: console.Json = False,
) -> None:
    """Let a person or a runner in; the token is shown this once.

    Example: pkit challenge invite ada --gateway https://gateway.example.org
    """
    from participant_kit.organizer.publish import invite as make_account

    address, token = _account(gateway, token_file)
    account = make_account(address, token, name, role, valid_days)
    console.emit(account, account.token)


@app.command()
def schema(json: console.Json = False) -> None:
    """Print the JSON Schema of challenge.yaml, for an editor that completes it.

    Example: pkit challenge schema > challenge.schema.json
    """
    from participant_kit.challenge.card import card_schema

    sys.stdout.write(jsonlib.dumps(card_schema(), indent=2) + "\n")


def _tell(text: str) -> None:
    console.note(escape(text))


def _notes(notes: list[Note]) -> Table:
    table = Table("", "key", "", box=None, pad_edge=False)
    for note in sorted(notes, key=lambda note: list(MEANING).index(note.kind)):
        colour = "yellow" if note.kind in ("guessed", "closed") else "bold"
        table.add_row(f"[{colour}]{note.kind}[/]", escape(note.key), escape(note.text))
    return table


def _warn_of_parity(left_out: bool) -> None:
    if left_out:
        text = "the starter notebooks are not run on the real data, and may fail there for everybody"
        console.note(f"[yellow]Without parity:[/] {text}.")


def _both_runs(report: Parity) -> Table:
    table = Table("notebook", "on", "outcome", "time", "memory", "warnings", box=None, pad_edge=False)
    for pair in report.pairs:
        for name, data, run in ((pair.notebook, "sample", pair.sample), ("", report.phase, pair.real)):
            memory = decimal(run.memory) if run.memory else "not known"
            warned = ", ".join(f"{count} {name}" for name, count in run.warnings.items())
            table.add_row(*map(escape, (name, data, run.outcome, f"{run.seconds:g} s", memory, warned)))
    return table


def _account(gateway: str | None, token_file: Path | None) -> tuple[str, str]:
    """The gateway and the token to use there."""
    from participant_kit.participant.credentials import default_gateway, load_token
    from participant_kit.protocol.address import gateway_address

    address = gateway_address(gateway) if gateway else default_gateway()
    token = read_token(token_file) or load_token(address)
    if not token:
        hint = f"Log in with: pkit login {address}, or give --token-file."
        raise TokenError(f"There is no token for {address} here.", hint=hint)
    return address, token


def _warn(findings: list[Finding]) -> None:
    if findings:
        console.note(_report(findings))


def _report(findings: list[Finding]) -> Group | str:
    if not findings:
        return "[green]Nothing is wrong.[/]"
    table = Table("", "where", "found", "expected", box=None, pad_edge=False)
    for finding in sorted(findings, key=lambda finding: (finding.level, finding.file, finding.line or 0)):
        colour = "red" if finding.level == "error" else "yellow"
        words = (escape(finding.where), escape(finding.found), escape(finding.expected))
        table.add_row(f"[{colour}]{finding.level}[/]", *words)
    counts = Counter(finding.level for finding in findings)
    return Group(table, ", ".join(f"{count} {level}{'s' * (count > 1)}" for level, count in sorted(counts.items())))
