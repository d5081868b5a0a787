"""Write the tables of docs/attacks.md from the corpus in tests/attacks, and from how each attack ended last."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "attacks"))

from corpus import CLIENTS, FAMILIES, NOTEBOOKS, PROGRAMS, TASKS, Attack, attacks

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.challenge.card import Card, read_card

DOCS = Path(__file__).parent
PAGE, RECORD = DOCS / "attacks.md", DOCS / "attacks.csv"
MARK = "<!-- From here on: written by `make attacks`. -->\n"
DEMONSTRATION = DOCS.parent / "participant_kit" / "organizer" / "demonstration" / "challenge.yaml"


def outcomes() -> dict[str, tuple[str, str]]:
    """How each attack ended, and on which day: the last line of the record that names it."""
    with RECORD.open(newline="") as file:
        return {name: (outcome, date) for name, outcome, date in csv.reader(file)}


def bound(card: Card) -> str:
    """What the card lets out, in bits and bytes."""
    alphabet, budget = alphabet_of(card), card.release.budget_bits
    fields = [alphabet.state, alphabet.tick, *alphabet.scores, *alphabet.failure]
    lines = ["| field | values | bits |", "|---|---|---|"]
    lines += [f"| {field.name} | {field.size} | {field.bits:.2f} |" for field in fields]
    lines += ["", f"One submission tells at most {alphabet.bits:.2f} bits: state, tick, and scores or a failure.", ""]
    lines += ["| phase | submissions | what they could tell | budget | so at most |", "|---|---|---|---|---|"]
    sums = 0.0
    for phase in card.phases:
        asked = alphabet.bits * phase.total if phase.total else float("inf")
        sums += min(asked, budget)
        told = f"{min(asked, budget):.0f} bits = {min(asked, budget) / 8:.0f} bytes"
        lines.append(
            f"| {phase.name} | {phase.total or 'any number'} | {asked:.0f} bits | {budget:.0f} bits | {told} |"
        )
    lines += [
        "",
        f"One participant: {sums / 8:.0f} bytes in all phases. Twenty in collusion: {20 * sums / 8:.0f} bytes.",
    ]
    return "\n".join(lines)


def table(known: list[Attack]) -> str:
    """Every attack by family, with how it ended last."""
    ended = outcomes()
    parts = []
    for family, title in FAMILIES.items():
        rows = [attack for attack in known if attack.family == family]
        parts += [f"\n### {title}\n", "| attack | tries | wall | outcome | date |", "|---|---|---|---|---|"]
        for attack in rows:
            outcome, date = ended.get(attack.name, ("not run yet", ""))
            path = attack.path.relative_to(DOCS.parent).as_posix()
            words = [f"[{attack.name}](../{path})", attack.tries, attack.wall, outcome, date]
            parts.append("| " + " | ".join(word.replace("|", "\\|") for word in words) + " |")
    return "\n".join(parts)


def page() -> str:
    """The page: its hand-written part as it is, and the tables anew."""
    known = [attack for folder in (NOTEBOOKS, CLIENTS, PROGRAMS, TASKS) for attack in attacks(folder)]
    by_hand = PAGE.read_text().partition(MARK)[0]
    demonstration = bound(read_card(DEMONSTRATION))
    counted = f"{len(known)} attacks in {len(FAMILIES)} families."
    tells = f"## What the demonstration can tell\n\n{demonstration}"
    return f"{by_hand}{MARK}\n{tells}\n\n## Every attack\n\n{counted}\n{table(known)}\n"


def main() -> None:
    """Drop what the record says twice or of attacks that are gone, and write the page."""
    names = {attack.name for folder in (NOTEBOOKS, CLIENTS, PROGRAMS, TASKS) for attack in attacks(folder)}
    kept = {name: told for name, told in sorted(outcomes().items()) if name in names}
    RECORD.write_text("".join(f"{name},{outcome},{date}\n" for name, (outcome, date) in kept.items()))
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
