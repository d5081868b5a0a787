"""What a notebook shows, as HTML for light and dark themes of JupyterLab, Notebook and VS Code.

Text is escaped by the templates, whoever it comes from. Colours say nothing that words do not say as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from jinja2 import DictLoader, Environment
from markupsafe import Markup

from participant_kit.challenge.card import Metric
from participant_kit.challenge.errors import KitError
from participant_kit.challenge.finding import Finding
from participant_kit.participant.explain import explain
from participant_kit.participant.hints import for_notebook
from participant_kit.participant.leaderboard import Leaderboard
from participant_kit.participant.rehearse import Rehearsal
from participant_kit.participant.shown import Shown, best, look
from participant_kit.participant.submission import Submission
from participant_kit.participant.submissions import Submissions
from participant_kit.protocol.errors import printable
from participant_kit.protocol.receipts import Failure
from participant_kit.protocol.states import State

_STEPS = {State.QUEUED: 0, State.REHEARSING: 1, State.RUNNING: 2, State.SCORING: 2}
"""How far a submission is on its way, of 3 steps."""

_TEMPLATES = {
    "frame": """<style>
.pkit { color: var(--jp-content-font-color1, var(--vscode-foreground, inherit)); padding-left: 0.8em;
  border-left: 0.25em solid var(--jp-border-color1, var(--vscode-panel-border, #8888)); }
.pkit.good { border-color: var(--jp-success-color1, var(--vscode-testing-iconPassed, #388e3c)); }
.pkit.bad { border-color: var(--jp-error-color1, var(--vscode-errorForeground, #d84343)); }
.pkit p, .pkit figure { margin: 0.3em 0; }
.pkit table { border-collapse: collapse; color: inherit; font-size: inherit; }
.pkit code { white-space: nowrap; }
.pkit caption { text-align: left; caption-side: top; color: inherit; }
.pkit th, .pkit td { padding: 0.2em 0.8em 0.2em 0; text-align: left; vertical-align: top; }
.pkit td.number { text-align: right; font-variant-numeric: tabular-nums; }
.pkit tr.own { font-weight: bold;
  background: var(--jp-layout-color2, var(--vscode-editor-inactiveSelectionBackground, #8883)); }
.pkit pre { max-height: 20em; overflow: auto; white-space: pre-wrap; color: inherit; background: none; }
.pkit svg { color: var(--jp-brand-color1, var(--vscode-charts-blue, #2f86d6)); max-width: 100%; }
</style><div class="pkit {{ mood }}">{% block body required %}{% endblock %}</div>""",
    "notes": """{% extends "frame" %}{% block body %}
{% for note in notes %}<p>{{ note | here }}</p>{% endfor %}
{% endblock %}""",
    "log": """{% extends "frame" %}{% block body %}<pre>{{ text }}</pre>{% endblock %}""",
    "findings": """{% extends "frame" %}{% block body %}
<table><caption>{{ title }}</caption><thead><tr>
{% for name in ("level", "cell", "line", "found", "expected") %}<th scope="col">{{ name }}</th>{% endfor %}
</tr></thead><tbody>
{% for finding in findings %}<tr><th scope="row">{{ finding.level }}</th>
<td class="number">{{ finding.cell or "" }}</td><td class="number">{{ finding.line or "" }}</td>
<td>{{ finding.found or finding.key }}</td><td>{{ finding.expected }}</td></tr>{% endfor %}
</tbody></table>
{% endblock %}""",
    "failure": """
{% if said %}<p>{{ said.sentence }}</p><p><strong>Next:</strong> {{ said.next_step | here }}</p>{% endif %}
{% if report and (report.log or report.message) %}<details><summary>The whole log of the rehearsal</summary>
<pre>{{ report.log }}
{{ report.message }}</pre></details>{% endif %}""",
    "rehearsal": """{% extends "frame" %}{% block body %}
{% for note in notes %}<p>{{ note | here }}</p>{% endfor %}
{% include "failure" %}
{% endblock %}""",
    "submission": """{% extends "frame" %}{% block body %}
{% for note in notes %}<p>{{ note | here }}</p>{% endfor %}
<p><strong>{{ status.state.value }}</strong>
{%- if status.queue_position is not none %}, place {{ status.queue_position }} in the queue{% endif %}
{%- if status.attempt > 1 %}, attempt {{ status.attempt }}{% endif %}
 · {{ shown.elapsed | time }} · <code>{{ status.id }}</code> · {{ status.challenge }}, {{ status.phase }}
{%- if shown.name %} · {{ shown.name }}{% endif %}</p>
{% if step is not none %}
<progress max="3" value="{{ step }}" aria-label="progress">step {{ step }} of 3</progress>
{% endif %}
{% if shown.note %}<p>{{ shown.note }}</p>{% endif %}
{% if shown.problem %}<p><strong>Not verified:</strong> {{ shown.problem | here }}</p>{% endif %}
{% if shown.scores %}<table>
<caption>Scores, {{ "NOT verified" if shown.problem else "signed by the secure side and verified" }}</caption>
<thead><tr><th scope="col">metric</th><th scope="col">score</th>
<th scope="col">against your best before</th></tr></thead><tbody>
{% for name, score in shown.scores.items() %}<tr><th scope="row">{{ name }}</th>
<td class="number">{{ score | number }}</td><td>{{ difference if name == primary else "" }}</td></tr>{% endfor %}
</tbody></table>{% endif %}
{{ plot }}
{% include "failure" %}
{% if status.disqualified %}<p><strong>Disqualified by the organizer:</strong> {{ status.disqualified }}</p>{% endif %}
{% if status.state.is_final and not status.counted %}<p>It was not counted against your quota.</p>{% endif %}
{% endblock %}""",
    "submissions": """{% extends "frame" %}{% block body %}
{% if rows %}<table>
<caption>Your submissions, the newest first; scores are verified where nothing else is said.</caption><thead><tr>
{% for name in ("submission", "name", "challenge", "phase", "state", "result", "submitted (UTC)") %}
<th scope="col">{{ name }}</th>{% endfor %}
</tr></thead><tbody>
{% for shown in rows %}{% set status = shown.status %}
<tr><th scope="row"><code>{{ status.id }}</code></th><td>{{ shown.name }}</td><td>{{ status.challenge }}</td>
<td>{{ status.phase }}</td><td>{{ status.state.value }}
{%- if status.queue_position is not none %}, place {{ status.queue_position }}{% endif %}</td>
<td>{% for name, score in shown.scores.items() %}{{ name }} {{ score | number }}<br>{% endfor %}
{% if shown.problem %}<strong>not verified</strong>{% endif %}
{% if shown.failure %}{{ shown.failure | said }}{% endif %}</td>
<td>{{ status.created_at | date }}</td></tr>{% endfor %}
</tbody></table>{% for plot in plots %}{{ plot }}{% endfor %}
{% else %}<p>No submissions yet.</p>{% endif %}
{% endblock %}""",
    "plot": """<figure>
<svg role="img" aria-label="{{ name }} over time" viewBox="0 0 420 110" width="420" height="110">
<path d="M 10 5 V 100 H 410" fill="none" stroke="currentColor" opacity="0.4"/>
<polyline points="{% for point in points %}{{ point.x }},{{ point.y }} {% endfor %}" fill="none"
 stroke="currentColor"/>
{% for point in points %}<circle cx="{{ point.x }}" cy="{{ point.y }}" r="4" stroke="currentColor"
 fill="{{ "currentColor" if point.verified else "none" }}"><title>{{ point.title }}</title></circle>{% endfor %}
</svg><figcaption>{{ text }}</figcaption></figure>""",
    "leaderboard": """{% extends "frame" %}{% block body %}
{% if board.hidden %}
<p>The leaderboard of {{ board.challenge }}, {{ board.phase }} is hidden until the phase is over.</p>
{% else %}<table>
<caption>{{ board.challenge }}, {{ board.phase }}: {{ board.primary }},
{{ "higher" if board.higher_is_better else "lower" }} is better; {{ board.people }}.
Scores as the gateway shows them, not verified.</caption>
<thead><tr><th scope="col">rank</th><th scope="col">participant</th>
{% for name in board.metrics %}<th scope="col">{{ name }}</th>{% endfor %}
<th scope="col">submissions</th><th scope="col">date (UTC)</th></tr></thead><tbody>
{% for row in board.rows %}{% set own = row.participant == board.own %}
<tr{% if own %} class="own" aria-current="true"{% endif %}>
<td class="number">{{ row.rank }}</td><th scope="row">{{ row.participant }}{% if own %} (you){% endif %}</th>
{% for name in board.metrics %}
<td class="number">{% if name in row.scores %}{{ row.scores[name] | number }}{% endif %}</td>{% endfor %}
<td class="number">{{ row.submissions }}</td><td>{{ row.submitted_at | date }}</td></tr>{% endfor %}
</tbody></table>{% endif %}
{% endblock %}""",
}


def _printable(value: Any) -> Any:
    return printable(value, 1 << 20) if isinstance(value, str) and not isinstance(value, Markup) else value


def _time(value: timedelta) -> str:
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds} s"


_environment = Environment(loader=DictLoader(_TEMPLATES), autoescape=True, finalize=_printable, trim_blocks=True)
_environment.filters |= {
    "number": "{:g}".format,
    "date": "{:%Y-%m-%d %H:%M}".format,
    "time": _time,
    "here": for_notebook,
    "said": lambda failure: explain(failure).sentence,
}


def _render(template: str, **values: Any) -> str:
    return _environment.get_template(template).render(values)


def notes_html(notes: Iterable[str], *, mood: str = "") -> str:
    """A paragraph for each of ``notes``. ``mood`` is ``good``, ``bad`` or nothing."""
    return _render("notes", notes=notes, mood=mood)


def log_html(text: str) -> str:
    """``text`` as it stands."""
    return _render("log", text=text, mood="")


def findings_html(title: str, findings: Sequence[Finding]) -> str:
    """A table of ``findings``."""
    mood = "bad" if any(finding.level == "error" for finding in findings) else ""
    return _render("findings", title=title, findings=findings, mood=mood)


def rehearsal_html(done: Rehearsal, notes: Iterable[str]) -> str:
    """How a rehearsal ended, under ``notes``, with its whole log."""
    failure = Failure(stage=done.stage, cell=done.cell, reason=done.reason) if done.stage else None
    said = explain(failure, on_sample=True) if failure else None
    return _render("rehearsal", notes=notes, report=done, said=said, mood="good" if done.passed else "bad")


def submission_html(submission: Submission, notes: Iterable[str] = ()) -> str:
    """One submission under ``notes``: on its way, then with its failure, or its scores beside those before."""
    shown = look(submission)
    status, report, compared = shown.status, None, {}
    with suppress(KitError):
        if status.has_log:
            report = submission.log()
        if shown.scores and not shown.problem:
            compared = _compared(submission, shown)
    return _render(
        "submission",
        notes=notes,
        status=status,
        shown=shown,
        step=_STEPS.get(status.state),
        said=explain(shown.failure) if shown.failure else None,
        report=report,
        mood="good" if status.state is State.SCORED and not shown.problem else "bad" if shown.failure else "",
        **compared,
    )


def submissions_html(submissions: Submissions) -> str:
    """A table, and for each phase a plot of the primary score over time."""
    rows = sorted(map(look, submissions), key=lambda shown: shown.status.created_at)
    groups: dict[tuple[str, str], list[Shown]] = {}
    for shown in rows:
        groups.setdefault((shown.status.challenge, shown.status.phase), []).append(shown)
    plots = [_plot(submissions.metric(challenge), group) for (challenge, _), group in groups.items()]
    return _render("submissions", rows=rows[::-1], plots=plots, mood="")


def leaderboard_html(board: Leaderboard) -> str:
    """The board, with the own row marked."""
    return _render("leaderboard", board=board, mood="")


def _compared(submission: Submission, shown: Shown) -> dict[str, Any]:
    """The primary score against the best one before, and a plot of all in this phase."""
    others = submission.others()
    phase = [look(own) for own in others if own.status.phase == shown.status.phase]
    metric = others.metric(shown.status.challenge)
    if metric is None or metric.name not in shown.scores:
        return {}
    before = best(metric, [own for own in phase if own.status.created_at < shown.status.created_at])
    plot = _plot(metric, sorted(phase, key=lambda own: own.status.created_at)) if before is not None else ""
    return {"primary": metric.name, "difference": _difference(metric, shown.scores[metric.name], before), "plot": plot}


def _difference(metric: Metric, score: float, before: float | None) -> str:
    if before is None:
        return "the first"
    change = round(score - before, 9)
    better = "equal" if not change else "better" if (change > 0) == metric.higher_is_better else "worse"
    return f"{change:+g}, {better} ({before:g} before)"


def _plot(metric: Metric | None, shown: Sequence[Shown]) -> Markup:
    """The primary score of submissions to one phase, the oldest first, over time; filled points are verified."""
    scored = [own for own in shown if metric and metric.name in own.scores]
    if metric is None or not scored:
        return Markup()
    scores, times = [own.scores[metric.name] for own in scored], [own.status.created_at for own in scored]
    points = [
        {"x": x, "y": y, "title": f"{score:g}, {time:%Y-%m-%d %H:%M}", "verified": not own.problem}
        for x, y, score, time, own in zip(
            *(_spread([time.timestamp() for time in times], 25, 395), _spread(scores, 90, 15), scores, times, scored),
            strict=True,
        )
    ]
    status, count = scored[0].status, f"{len(scored)} submission{'' if len(scored) == 1 else 's'}"
    text = (
        f"{metric.name} of {count} to {status.challenge}, {status.phase}, {times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}: "
        f"first {scores[0]:g}, last {scores[-1]:g}, lowest {min(scores):g}, highest {max(scores):g}."
    )
    return Markup(_render("plot", name=metric.name, points=points, text=text))  # noqa: S704 - the template escapes


def _spread(values: Sequence[float], start: float, end: float) -> list[float]:
    """``values`` stretched from ``start`` to ``end``; in the middle when they are all the same."""
    low, high = min(values), max(values)
    if low == high:
        return [(start + end) / 2] * len(values)
    return [round(start + (value - low) / (high - low) * (end - start), 1) for value in values]
