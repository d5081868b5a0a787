"""What a competition says beside its tasks, phases and columns; and what is open there and off here."""

from __future__ import annotations

from participant_kit.challenge.alphabet import REASONS, alphabet_of
from participant_kit.challenge.card import Card
from participant_kit.organizer.codabench.bundle import Bundle
from participant_kit.organizer.codabench.note import Notes

_RULES: dict[str, str] = {
    "Add": "the participant chose one submission; here the best one stands",
    "Add_And_Delete": "the participant chose one submission; here the best one stands, and stays",
    "Add_And_Delete_Multiple": "the participant chose several submissions; here the best one stands, and stays",
    "Force_Last": "the last submission stood; here the best one stands",
    "Force_Latest_Multiple": "every submission stood; here the best of each participant stands",
    "Force_Best": "the best submission stands, as here; how much of it is told, release.leaderboard_mechanism says",
}

_SETTINGS = {
    "registration_auto_approve": "who is let in, the gateway's invitations say (pkit challenge invite)",
    "auto_run_submissions": "the runner takes each; release.review waits for the data holder's yes before a release",
    "can_participants_make_submissions_public": "a submission is sealed to the runners and never public",
    "forum_enabled": "there is no forum",
    "competition_type": "there is one kind of challenge",
}


def tell_rest(bundle: Bundle, notes: Notes) -> None:
    """Every key that no part of a card is made of."""
    competition, board = bundle.competition, bundle.leaderboard
    for number in range(1, len(competition.leaderboards)):
        title = competition.leaderboards[number].title
        notes.add("left out", f"leaderboards.{number}", f"{title!r}: Codabench itself reads the first alone")
    notes.add("changed", "leaderboards.0.submission_rule", _RULES[board.submission_rule])
    notes.add("left out", "leaderboards.0.title", f"{board.title!r}, key {board.key!r}: there is one leaderboard")
    image = f"{competition.docker_image!r}: notebooks and programs run in an environment of requirements.txt"
    notes.add("kept", "docker_image", image)
    if competition.queue:
        notes.add("kept", "queue", f"{competition.queue!r}: here the holder's own runner is the only worker")
    if competition.fact_sheet:
        asked = ", ".join(map(str, competition.fact_sheet))
        notes.add("left out", "fact_sheet", f"nothing is asked at a submission; it asked: {asked}")
    for key in ("reward", "contact_email"):
        if value := getattr(competition, key):
            notes.add("left out", key, f"{value}: write it on a page")
    for key, text in _SETTINGS.items():
        if key in competition.model_fields_set:
            notes.add("left out", key, f"{str(getattr(competition, key)).lower()}: {text}")
    for key in ("show_detailed_results_in_submission_panel", "show_detailed_results_in_leaderboard"):
        if key in competition.model_fields_set:
            notes.add("left out", key, "detailed results never leave")
    if any(task.is_public for task in competition.tasks):
        notes.add("left out", "tasks.is_public", "a task here is part of its challenge")
    for what, parts in (("", [competition]), ("leaderboards.0.", [board]), ("tasks.", competition.tasks)):
        for key in sorted({key for part in parts for key in part.unknown}):
            notes.add("left out", f"{what}{key}", "Codabench does not know this key either")
    for key, line in bundle.repeated:
        notes.add("changed", key, f"stands again in line {line}: the last one counts, as on Codabench")
    if bundle.litter:
        notes.add("left out", "(files)", f"{bundle.litter} that a file manager left behind (__MACOSX)")


def tell_closed(bundle: Bundle, card: Card, notes: Notes) -> None:
    """What is open on Codabench and off here, and what it would cost to allow."""
    alphabet = alphabet_of(card)
    detailed = card.model_copy(update={"release": card.release.model_copy(update={"failure_detail": "cell-and-class"})})
    failure = sum(part.bits for part in alphabet_of(detailed).failure)
    log = (
        "logs of the real data never leave; the nearest is release.failure_detail: cell-and-class, which tells "
        f"the cell and one of {len(REASONS)} reasons: {failure:.1f} bits, not {alphabet.failure[0].bits:.0f}"
    )
    for key, text in (
        ("hide_output", log),
        ("hide_prediction_output", "what a notebook writes stays inside and is destroyed; nothing allows it"),
        ("hide_score_output", "scores leave as numbers of the card, and no file; nothing allows it"),
    ):
        if not all(getattr(phase, key) for phase in bundle.phases):
            notes.add("closed", f"phases.{key}", text)
    if bundle.competition.enable_detailed_results:
        text = "detailed_results.html has no bound in bits; numbers in it can be release.figures, at the bits of each"
        notes.add("closed", "enable_detailed_results", text)
    if bundle.competition.make_programs_available:
        text = "the programs stay here; publish them yourself if they show no data"
        notes.add("closed", "make_programs_available", text)
    budget = card.release.budget_bits
    times = int(budget // alphabet.bits)
    for phase in card.phases:
        if phase.total is None or phase.total > times:
            wanted = "without end" if phase.total is None else f"{phase.total} submissions"
            needed = "" if phase.total is None else f", {phase.total * alphabet.bits:.0f} bits for all"
            text = (
                f"a submission may tell {alphabet.bits:.1f} bits; release.budget_bits: {budget:g} allows {times} "
                f"of them in {phase.name!r}, and Codabench {wanted}. Raise it to allow more{needed}"
            )
            notes.add("closed", "phases.max_submissions", text)
