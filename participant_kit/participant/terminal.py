"""What a terminal shows of submissions, scores and findings, as objects that Rich renders.

Text from the gateway is data: it goes through :func:`~participant_kit.protocol.errors.printable`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from participant_kit.challenge.finding import Finding
from participant_kit.participant.cell_help import CellHelp
from participant_kit.participant.codabench.messages import Listed
from participant_kit.participant.codabench.submission import CodabenchSubmission
from participant_kit.participant.explain import explain
from participant_kit.participant.leaderboard import Leaderboard
from participant_kit.participant.rehearse import Rehearsal
from participant_kit.participant.submission import Submission
from participant_kit.protocol.errors import printable
from participant_kit.protocol.messages import ChallengeInfo, Quota, RehearsalReport, SubmissionStatus
from participant_kit.protocol.receipts import Failure, Receipt
from participant_kit.protocol.states import State

_COLOURS = {State.SCORED: "green", State.FAILED: "red", State.REFUSED: "red", State.CANCELLED: "yellow"}


def plain(view: RenderableType) -> str:
    """``view`` as plain text, where there is no terminal to render it."""
    console = Console(width=120, color_system=None, force_terminal=False, force_jupyter=False)
    with console.capture() as capture:
        console.print(view)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def describe(submission: Submission) -> dict[str, Any]:
    """``submission`` for ``--json``, its scores and its failure verified."""
    failure = submission.failure
    plain = submission.status.model_dump(mode="json") | {"scores": submission.scores}
    plain |= {"failure": failure.model_dump() if failure else None, "verified": submission.has_receipt}
    if failure:
        said = explain(failure)
        plain |= {"explanation": said.sentence, "next_step": said.next_step}
    return plain


def submission_view(submission: Submission) -> RenderableType:
    """One submission in full."""
    status = submission.status
    title = f"  {printable(status.id, 80)}  phase {printable(status.phase, 80)}"
    parts: list[RenderableType] = [Text.assemble(state_text(status), title)]
    if isinstance(submission, CodabenchSubmission):
        more = f": {submission.status.details}" if submission.status.details else "."
        parts.append(Text(f"Codabench calls it {printable(submission.status.said, 80)}{more}", style="dim"))
    if scores := submission.scores:
        signed = "Signed by the secure side; the receipt was verified."
        word = signed if submission.has_receipt else "The server's word: nobody has signed it."
        parts += [scores_table(scores), Text(word, style="dim")]
    if failure := submission.failure:
        parts.append(failure_view(failure))
    if status.disqualified:
        parts.append(Text(f"The organizer has disqualified it: {printable(status.disqualified, 500)}", style="red"))
    if status.has_log:
        parts.append(Text(f"The rehearsal failed, and its whole log is here: pkit status {status.id} --log"))
    if status.state.is_final and not status.counted:
        parts.append(Text("It was not counted against your quota.", style="dim"))
    return Group(*parts)


def failure_view(failure: Failure, *, on_sample: bool = False) -> RenderableType:
    """Why it failed, and the next step."""
    said = explain(failure, on_sample=on_sample)
    return Group(Text(printable(said.sentence), style="red"), Text.assemble(("Next: ", "bold"), said.next_step))


def cell_view(help_: CellHelp) -> RenderableType:
    """The cell that failed, the usual reasons, and what is known of the columns that it uses."""
    from rich.syntax import Syntax  # with its lexers, only where code is shown

    parts: list[RenderableType] = []
    if help_.source:
        parts.append(Syntax(help_.source, "python", line_numbers=True, background_color="default"))
    if help_.usual:
        parts.append("[bold]Usual on real data:[/]\n" + "\n".join(f"- {escape(reason)}" for reason in help_.usual))
    if help_.columns:
        table = Table("column", "codebook", title="Columns of this cell" if help_.here else "Columns of earlier cells")
        for name, line in help_.columns.items():
            table.add_row(escape(name), escape(line))
        parts.append(table)
    return Group(*parts)


def state_text(status: SubmissionStatus) -> Text:
    """The state, with the place in the queue where there is one."""
    place = f", place {status.queue_position}" if status.queue_position is not None else ""
    again = f", attempt {status.attempt}" if status.attempt > 1 else ""
    return Text(f"{status.state.value}{place}{again}", style=_COLOURS.get(status.state, "cyan"))


def _scores_text(scores: Mapping[str, float] | None) -> str:
    return printable(", ".join(f"{name} {value:g}" for name, value in (scores or {}).items()))


def scores_table(scores: Mapping[str, float]) -> Table:
    """Scores by metric."""
    table = Table("metric", "score")
    for name, value in scores.items():
        table.add_row(Text(printable(name, 80)), f"{value:g}")
    return table


def submissions_table(submissions: Sequence[Submission]) -> Table:
    """Many submissions, the newest last; what all have in common is the title, so that the rest has room."""
    known = sorted((submission.status for submission in submissions), key=lambda status: status.created_at)
    places = [(printable(status.challenge, 80), printable(status.phase, 80)) for status in known]
    together = len(set(places)) == 1
    names = [*([] if together else ["challenge", "phase"]), "state", "scores", "created (UTC)"]
    table = Table(Column("submission", no_wrap=True), *(Column(name, overflow="fold") for name in names))
    if together:
        table.title = Text(", ".join(places[0]))
    for status, place in zip(known, places, strict=True):
        where = () if together else map(Text, place)
        when = f"{status.created_at:%Y-%m-%d %H:%M}"
        table.add_row(status.id, *where, state_text(status), Text(_scores_text(status.scores)), when)
    if not any(isinstance(submission, CodabenchSubmission) for submission in submissions):
        table.caption = "Scores as the gateway shows them; pkit scores ID verifies one."
    return table


def leaderboard_table(board: Leaderboard) -> RenderableType:
    """The leaderboard, with the own row marked."""
    title = f"{printable(board.challenge, 80)}, {printable(board.phase, 80)}"
    if board.hidden:
        return Text(f"The leaderboard of {title} is hidden until the phase is over.")
    metrics = board.metrics
    names = ["rank", "participant", *(escape(printable(name, 80)) for name in metrics), "submissions", "date (UTC)"]
    table = Table(*(Column(name, overflow="fold") for name in names))  # narrow: broken, and never cut off
    table.title = Text(title)
    for row in board.rows:
        mine = row.participant == board.own
        scores = [f"{row.scores[name]:g}" if name in row.scores else "" for name in metrics]
        name = Text(printable(row.participant, 80) + (" (you)" if mine else ""))
        when = f"{row.submitted_at:%Y-%m-%d %H:%M}"
        table.add_row(str(row.rank), name, *scores, str(row.submissions), when, style="bold green" if mine else None)
    table.caption = f"{'Higher' if board.higher_is_better else 'Lower'} is better; {board.people}."
    return table


def challenges_table(challenges: Iterable[ChallengeInfo]) -> Table:
    """Challenges that a gateway offers."""
    table = Table("challenge", "title", "open phase", "metric", "kit")
    for info in challenges:
        words = (info.card.slug, info.card.title, info.open_phase or "none", info.card.primary.name)
        table.add_row(*(Text(printable(word, 200)) for word in words), decimal(info.kit_bytes))
    return table


def competitions_table(competitions: Iterable[Listed]) -> Table:
    """Competitions on a Codabench server."""
    table = Table("competition", "title", "participants")
    for one in competitions:
        table.add_row(str(one.id), Text(printable(one.title, 200)), str(one.participants_count or ""))
    return table


def bits_text(quota: Quota) -> str:
    """What is left of the release budgets, of those that the gateway knows."""
    sums = ((quota.revealed_bits, quota.budget_bits), (quota.challenge_bits, quota.challenge_budget_bits))
    mine, everybody = (f"{max(budget - spent, 0):.1f}" if budget is not None else "no limit" for spent, budget in sums)
    return f"Bits left in {printable(quota.phase, 80)}: {mine} for you, {everybody} for all participants together."


def quota_text(quota: Quota) -> str:
    """What is left of a quota, in a sentence."""
    left = []
    if quota.per_day is not None:
        left.append(f"{max(0, quota.per_day - quota.used_today)} of {quota.per_day} today")
    if quota.total is not None:
        left.append(f"{max(0, quota.total - quota.used_total)} of {quota.total} in all")
    return f"Left in {printable(quota.phase, 80)}: {', '.join(left) or 'no limit'} (days begin at midnight UTC)."


def findings_view(findings: Iterable[Finding]) -> RenderableType:
    """Findings, one a line, errors in red."""
    lines = []
    for finding in findings:
        colour = "red" if finding.level == "error" else "yellow"
        lines.append(Text.assemble((finding.level, colour), f"  {printable(str(finding))}"))
    return Group(*lines)


def report_view(report: RehearsalReport | Rehearsal) -> RenderableType:
    """What a rehearsal that failed has to say, with all that was printed."""
    parts: list[RenderableType] = [Text.from_ansi(report.log)] if report.log else []
    if report.message:
        parts.append(Text(printable(report.message), style="bold"))
    if report.stage:
        failure = Failure(stage=report.stage, cell=report.cell, reason=report.reason)
        parts.append(failure_view(failure, on_sample=True))
    return Group(*parts)


def receipt_view(receipt: Receipt) -> RenderableType:
    """A receipt, field by field."""
    table = Table("field", Column("value", overflow="fold"), title="Receipt, verified")
    for name, value in receipt.model_dump(mode="json", exclude_none=True).items():
        for key, shown in value.items() if isinstance(value, dict) else [(name, value)]:
            table.add_row(Text(str(key)), Text(_scores_text(shown) if key == "scores" else printable(str(shown))))
    return table
