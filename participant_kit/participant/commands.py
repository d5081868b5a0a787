"""What ``%blind`` does, wherever it is shown: in a notebook, from another process, or in a terminal."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from IPython.core.error import UsageError
from IPython.utils.process import arg_split  # type: ignore[attr-defined]  # as in IPython's own magics

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant.check import check_notebook
from participant_kit.participant.clients import client_for, client_of
from participant_kit.participant.codabench.place import find_place
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.hints import for_notebook
from participant_kit.participant.html import findings_html, log_html, notes_html, rehearsal_html, submission_html
from participant_kit.participant.kit import Tell, find_kit
from participant_kit.participant.magic_lines import leave_out
from participant_kit.participant.prepare import prepare_notebook
from participant_kit.participant.rehearse import rehearse_notebook
from participant_kit.participant.submission import Submission
from participant_kit.participant.terminal import findings_view, plain, quota_text, report_view, submission_view


@dataclass(frozen=True)
class Here:
    """Where a command is given: the path of the notebook, if known, and the cells that ran last, the newest last."""

    notebook: str | None = None
    ran: Sequence[str] = ()


@dataclass(frozen=True)
class Answer:
    """What to show: ``text``, and as ``html``; or ``submission`` under ``notes``, which changes until it has ended.

    With ``wait`` the cell lasts as long. ``problem`` is raised as an error once the rest is shown.
    """

    text: str = ""
    html: str = ""
    submission: Submission | None = None
    notes: Sequence[str] = ()
    wait: bool = False
    problem: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether what is shown will change."""
        return self.submission is not None and not self.submission.state.is_final

    def bundle(self, trouble: str = "") -> dict[str, str]:
        """As it is now, by MIME type. ``trouble`` is why it will not change any more."""
        notes = [*self.notes, *([trouble] if trouble else [])]
        text = [*notes, self.text, _submission_text(self.submission) if self.submission else ""]
        html = submission_html(self.submission, notes) if self.submission else self.html
        return {"text/plain": for_notebook("\n".join(filter(None, text))), "text/html": html}


def run_command(line: str, here: Here, tell: Tell) -> Answer:
    """Do what ``line`` says, which stands behind ``%blind``; ``tell`` is told what is being done.

    Raises ``UsageError`` for words that are none of ours and for whatever a person is to correct.
    """
    try:
        words = arg_split(line, posix=True)
    except ValueError as error:
        raise UsageError(f'{error}. Put " around a text that has an apostrophe.') from None
    arguments = _parser().parse_args(words or ["help"])
    try:
        answer: Answer = arguments.run(arguments, here, tell)
    except KitError as error:
        raise UsageError(for_notebook(f"{error.message}\n{error.hint}".strip())) from None
    return answer


def _check(arguments: argparse.Namespace, here: Here, tell: Tell) -> Answer:
    path, kit = _notebook(arguments, here)
    findings = check_notebook(path, kit)
    title = f"{path.name}, {_saved(path)}: {_count(findings) or 'nothing was found'}."
    html = findings_html(title, findings) if findings else notes_html([title], mood="good")
    return Answer(plain(findings_view(findings)) + title, html)


def _rehearse(arguments: argparse.Namespace, here: Here, tell: Tell) -> Answer:
    path, kit = _notebook(arguments, here)
    done = rehearse_notebook(path, kit, progress=tell)
    notes = [f"{path.name}, {_saved(path)}: {'passed' if done.passed else 'failed'} after {done.seconds:.1f} s."]
    if not done.contained:
        notes.append("There is no sandbox on this machine: limits and the missing network were not tried.")
    return Answer("\n".join([plain(report_view(done)), *notes]).strip(), rehearsal_html(done, notes))


def _submit(arguments: argparse.Namespace, here: Here, tell: Tell) -> Answer:
    path, kit = _notebook(arguments, here)
    _only_blind(path.parent, arguments.challenge)
    tell(f"Checking {path.name}")
    findings = check_notebook(path, kit)
    errors = any(finding.level == "error" for finding in findings)
    if errors or (findings and not arguments.override):
        title = f"{path.name}, {_saved(path)}: {_count(findings)}."
        hint = "Correct these cells and save." if errors else "Correct these cells, or send it with --override."
        html = findings_html(title, findings)
        return Answer(plain(findings_view(findings)), html, problem=f"Nothing was sent. {hint}")
    if not arguments.override and _is_unsaved(path, here):
        raise ParticipantError(
            f"Nothing was sent: the cell that ran last is not in {path.name}, {_saved(path)}.",
            hint="Save the notebook first, or send the file as it is with --override.",
            code="unsaved",
        )
    client = client_of(kit)
    tell(f"Sending {path.name}")
    saved = _saved(path)
    submission = client.submit(
        path, challenge=kit.root, phase=arguments.phase, name=arguments.name, note=arguments.note
    )
    notes = [f"Sent {path.name}, {saved}.", f"It can reveal at most {alphabet_of(kit.card).bits:.1f} bits of the data."]
    with suppress(KitError):  # it was sent; what is left can be asked for later
        notes.append(quota_text(client.quota(kit.card.slug, submission.status.phase)))
    return Answer(submission=submission, notes=[" ".join(notes)], wait=arguments.wait)


def _status(arguments: argparse.Namespace, here: Here, tell: Tell) -> Answer:
    client, slug = _where(arguments, here)
    if arguments.submission is None:
        listed = client.submissions(slug)
        return Answer(repr(listed), listed._repr_html_())
    submission = client.submission(arguments.submission)
    text = plain(report_view(submission.log())) if arguments.log else ""  # a page has it anyway, folded
    return Answer(text, submission=submission, wait=arguments.wait)


def _leaderboard(arguments: argparse.Namespace, here: Here, tell: Tell) -> Answer:
    client, slug = _where(arguments, here)
    if slug is None:
        raise ParticipantError("No challenge is known here.", hint="Name one: %blind leaderboard CHALLENGE")
    board = client.leaderboard(slug, arguments.phase)
    return Answer(repr(board), board._repr_html_())


def _cancel(arguments: argparse.Namespace, here: Here, tell: Tell) -> Answer:
    client, _ = _where(arguments, here)
    return Answer(submission=client.cancel(arguments.submission))


def _help(arguments: argparse.Namespace, here: Here, tell: Tell) -> Answer:
    return Answer(_help_text(), log_html(_help_text()))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. See them all with: %blind help")


def _parser() -> _Parser:
    parser = _Parser("%blind", add_help=False, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[..., Answer], sentence: str) -> _Parser:
        added = commands.add_parser(name, add_help=False, allow_abbrev=False, help=sentence)
        added.set_defaults(run=run)
        return added

    notebook: dict[str, Any] = {"metavar": "NOTEBOOK", "nargs": "?", "help": "its path; this notebook if left out"}
    check = add("check", _check, "find what would make the notebook fail, without running it")
    rehearse = add("rehearse", _rehearse, "run the notebook on the sample, on this machine")
    submit = add("submit", _submit, "seal the notebook and send it to be run blind on the real data")
    status = add("status", _status, "show all of your submissions, or follow one")
    board = add("leaderboard", _leaderboard, "show the leaderboard, your row marked")
    cancel = add("cancel", _cancel, "take a submission back")
    add("help", _help, "show this")
    for command in (check, rehearse, submit):
        command.add_argument("notebook", **notebook)
    for command in (check, rehearse, submit, status, cancel):
        command.add_argument("--challenge", "-c", metavar="C")
    for command in (submit, board):
        command.add_argument("--phase", metavar="P")
    for command in (submit, status):
        command.add_argument("--wait", action=argparse.BooleanOptionalAction, default=False)
    for option in ("--name", "--note"):
        submit.add_argument(option, metavar="TEXT", default="")
    submit.add_argument("--override", action="store_true")
    status.add_argument("submission", metavar="ID", nargs="?")
    status.add_argument("--log", action="store_true")
    board.add_argument("challenge", metavar="CHALLENGE", nargs="?")
    cancel.add_argument("submission", metavar="ID")
    return parser


def _help_text() -> str:
    """Every command with its options, and what it is for."""
    (commands,) = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    lines = []
    for choice in commands._choices_actions:
        usage = " ".join(commands.choices[choice.dest].format_usage().removeprefix("usage: ").split())
        lines.append(f"{usage}\n    {choice.help}")
    return "\n".join(lines)


def _notebook(arguments: argparse.Namespace, here: Here) -> tuple[Path, ChallengeFolder]:
    """The notebook that is named, or the one in which the command is given, and its kit."""
    named = arguments.notebook or here.notebook
    if not named:
        raise ParticipantError("Which notebook this is, is not known here.", hint=_GIVE_IT)
    path = Path(named).expanduser().absolute()
    if not arguments.notebook and (path.suffix != ".ipynb" or not path.is_file()):
        raise ParticipantError(f"This seems to be {path}, and no notebook is there (any more).", hint=_GIVE_IT)
    return path, find_kit(path.parent, arguments.challenge)


_GIVE_IT = "Give its path, as in: %blind submit 02_baseline.ipynb"


def _where(arguments: argparse.Namespace, here: Here) -> Any:
    start = Path(here.notebook).absolute().parent if here.notebook else Path.cwd()
    _only_blind(start, arguments.challenge)
    return client_for(arguments.challenge, start)


def _only_blind(start: Path, challenge: str | None) -> None:
    """Raise where a Codabench competition is meant: nothing runs blind there."""
    if place := find_place(start, challenge):
        raise ParticipantError(
            f"{place.title or place.name} is on a Codabench server, where nothing runs blind.",
            hint='Press "Submit to Codabench" in the toolbar, or use pkit submit and pkit status in a terminal.',
            code="codabench",
        )


def _saved(path: Path) -> str:
    try:
        saved = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    except OSError as error:
        raise ParticipantError(f"{path} cannot be read: {error.strerror}.", hint=_GIVE_IT) from None
    today = saved.date() == datetime.now().astimezone().date()
    return f"as saved {'today' if today else f'on {saved:%Y-%m-%d}'} at {saved:%H:%M:%S}"


def _is_unsaved(path: Path, here: Here) -> bool:
    """Whether the last cell that ran here, our own aside, is not in the file as it stands at the same path."""
    if not here.notebook or Path(here.notebook).absolute() != path:
        return False
    saved = {cell["source"].strip() for cell in prepare_notebook(path).source_nb["cells"]}
    for source in reversed(here.ran):
        cell = leave_out(source).strip()
        if any(line.strip() and not line.lstrip().startswith("#") for line in cell.splitlines()):
            return cell not in saved
    return False


def _count(findings: Sequence[Any]) -> str:
    counts = {level: sum(finding.level == level for finding in findings) for level in ("error", "warning")}
    return ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items() if count)


def _submission_text(submission: Submission) -> str:
    try:
        return plain(submission_view(submission))
    except KitError as error:
        return f"{submission.state.value}  {submission.id}  Not verified: {error}"
