"""Run every attack on what browsers see, and write the tables of docs/web-attacks.md from how each ended.

An attack is a test that carries the mark ``attack`` with the kind that it is of.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "web-attacks.md"
MARK = "<!-- From here on: written by `make web-attacks`. -->\n"
FOLDERS = ("tests/gateway", "tests/hub", "tests/secure_side")
KINDS = {
    "xss": "Text that would become a script, a form or a picture from elsewhere",
    "csrf": "A form or a link of another site",
    "session": "A session that is put there before, stolen, or begun without a right to it",
    "login elsewhere": "Coming back from an OpenID provider or a JupyterHub as somebody else",
    "guessing": "Guessing, again and again",
    "lock-out": "Locking others out",
    "cookies": "What a cookie tells to whom, with and without TLS",
    "open redirect": "An address of the gateway that leads to another site",
    "host header": "A request that names another host",
    "cache poisoning": "A cache that shows one person's page, or an attacker's, to others",
    "clickjacking": "The page in another site's frame",
    "another's address": "The address of what is another's, or an organizer's",
    "path": "A path that leads out",
    "header injection": "A line that becomes a header",
    "mail header injection": "A line that becomes a header of a mail, or another person to send it to",
    "mail on the way": "Somebody between the gateway and its mail server",
    "log injection": "A line that becomes one of the log",
    "ssrf": "A webhook into the operator's own network",
    "formula": "A cell that a spreadsheet runs",
    "zip": "A starter kit that climbs, links or bursts",
    "confusable names": "A name that looks like another",
}


class Attack(NamedTuple):
    """A test, as it stands in its file."""

    kind: str
    name: str
    path: str

    @property
    def words(self) -> str:
        """What holds, as the test says."""
        return self.name.removeprefix("test_").replace("_", " ")


def attacks() -> list[Attack]:
    """Every one, by its kind."""
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("test_*.py"))]
    found = [attack for path in files for attack in _read(path)]
    return sorted(found, key=lambda attack: list(KINDS).index(attack.kind))


def _read(path: Path) -> Iterator[Attack]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.attack":
                    yield Attack(ast.literal_eval(mark.args[0]), node.name, path.relative_to(ROOT).as_posix())


def listed() -> list[tuple[str, str, str]]:
    """Kind, words and outcome of each line of the page."""
    titles = {title: kind for kind, title in KINDS.items()}
    kind, rows = "", []
    for line in PAGE.read_text().partition(MARK)[2].splitlines():
        if line.startswith("### "):
            kind = titles[line[4:]]
        elif found := re.match(r"\| \[(.*)\]\(.*\) \| (.*) \|", line):
            rows.append((kind, found[1], found[2]))
    return rows


class Record:
    """How each test of a run of pytest ended."""

    def __init__(self) -> None:
        self.ended: dict[tuple[str, str], set[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """As pytest calls it: for setup, the test itself, and what is put away."""
        path, name = report.nodeid.partition("[")[0].split("::")
        outcome = {"passed": "held", "failed": "SUCCEEDED, or broke down"}.get(report.outcome, "not tried here")
        self.ended.setdefault((path, name), set()).add(outcome)

    def outcome(self, attack: Attack) -> str:
        """The worst of all."""
        ended = self.ended.get((attack.path, attack.name), {"not tried here"})
        return "held" if ended == {"held"} else sorted(ended)[0]


def table(found: list[Attack], record: Record) -> str:
    """Every attack by kind, with how it ended."""
    parts = [f"{len(found)} attacks of {len(KINDS)} kinds, on {datetime.now(UTC):%Y-%m-%d}."]
    for kind, title in KINDS.items():
        parts += [f"\n### {title}\n", "| what is to hold | outcome |", "|---|---|"]
        rows = [attack for attack in found if attack.kind == kind]
        parts += [f"| [{attack.words}](../{attack.path}) | {record.outcome(attack)} |" for attack in rows]
    return "\n".join(parts)


def main() -> int:
    """Run them, and write the page; fails if an attack did not fail."""
    record, found = Record(), attacks()
    status = pytest.main(["-q", "-m", "attack", "--rootdir", str(ROOT), *sorted({a.path for a in found})], [record])
    by_hand = PAGE.read_text().partition(MARK)[0]
    PAGE.write_text(f"{by_hand}{MARK}\n## Every attack\n\n{table(found, record)}\n")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
