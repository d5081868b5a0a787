"""How long a page of the gateway takes, each beside the endpoint that says which server this is, in the same run.

    python benchmarks/pages.py --participants 20000

``again``: a page that was made before; ``unchanged``: the 304 to a browser that has it; ``new``: after a score;
``sorted``: by name; ``found``: with somebody's row looked up; ``day``: the board of a day with a name looked up, the
first time, and without, again, after scores; ``csv``: every row. Medians in milliseconds of one client that asks one
after another, and their ratios.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import requests
from gateway import API, gateway, prepare
from sqlalchemy import insert, update

from participant_kit.gateway.database import Database
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.tables import accounts, best, boards, records, submissions

DAY = 86400.0


def fill(settings: Settings, people: int, days: int = 30) -> None:
    """Everybody has three scores, each better than the one before, over so many days."""
    now, database = time.time(), Database(settings)
    names = [f"participant-{number:05d}" for number in range(people)]
    with database.write() as connection:
        connection.execute(
            insert(accounts),
            [{"name": name, "role": "participant", "created_at": 0.0, "revision": 3} for name in names],
        )
        made, kept, bests = [], [], []
        lead = 0.0
        for turn in range(3):
            for number, name in enumerate(names):
                score = round(0.5 + 0.1 * turn + (number * 7919 % people) / people / 10, 3)
                moment = now - days * DAY + (turn + number / people) * days * DAY / 3
                whose = {"challenge": "load", "phase": "development", "participant": name}
                known = {"scores": {"roc_auc_score": score}, "submitted_at": moment, "rank_by": -score}
                identifier = f"{turn:08d}-0000-7000-8000-{number:012d}"
                made.append(
                    whose
                    | {"id": identifier, "state": "scored", "revision": turn + 1, "sealed_sha256": "", "sealed": ""}
                    | {"created_at": moment, "updated_at": moment, "scores": known["scores"]}
                )
                kept.append(whose | known | {"submission": identifier, "entered_at": moment, "leads": score > lead})
                lead = max(lead, score)
                if turn == 2:
                    bests.append(whose | known | {"submissions": 3})
        for table, rows in ((submissions, made), (records, kept), (best, bests)):
            connection.execute(insert(table), rows)
        board = {"challenge": "load", "phase": "development", "version": 3 * people, "bits": 0.0}
        connection.execute(insert(boards), [board])
    database.close()


class Clock:
    """Asks for paths of one gateway, and knows how long each took."""

    def __init__(self, settings: Settings, address: str, times: int) -> None:
        self._database, self._address, self._times = Database(settings), address.removesuffix(API), times
        self._session = requests.Session()

    def median(self, path: str, *, anew: bool = False, **headers: str) -> float:
        """Of ``path``, in milliseconds; ``anew``: after a score each time."""
        taken = []
        for _ in range(self._times):
            if anew:
                self._score()
            began = time.perf_counter()
            answer = self._session.get(self._address + path, headers=headers, timeout=60)
            taken.append(1000 * (time.perf_counter() - began))
            if answer.status_code not in (200, 304):
                raise SystemExit(f"The gateway answered {answer.status_code} for {path}.")
        return statistics.median(taken)

    def once(self, path: str) -> float:
        """As :meth:`median`, of one request."""
        before, self._times = self._times, 1
        taken = self.median(path)
        self._times = before
        return taken

    def tag(self, path: str) -> str:
        """What a browser sends that has it."""
        return self._session.get(self._address + path, timeout=60).headers["etag"]

    def _score(self) -> None:
        with self._database.write() as connection:
            connection.execute(update(boards).values(version=boards.c.version + 1))


def measure(people: int, times: int) -> dict[str, Any]:
    """Everything, on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder))
        prepare(settings)
        fill(settings, people)
        with gateway(settings) as address:
            clock, board = Clock(settings, address, times), "/challenges/load/leaderboard"
            day = f"{board}/{time.strftime('%Y-%m-%d', time.gmtime(time.time() - 7 * DAY))}"
            peer = clock.median(f"{API}/")
            found = {
                "overview again": clock.median("/challenges/load"),
                "board again": clock.median(board),
                "board unchanged": clock.median(board, **{"If-None-Match": clock.tag(board)}),
                "board new": clock.median(board, anew=True),
                "board sorted, new": clock.median(f"{board}?sort=participant", anew=True),
                "board found, new": clock.median(f"{board}?name=participant-00017", anew=True),
                "day, the first time": statistics.median(clock.once(f"{day}?name={number}") for number in range(times)),
                "day again": clock.median(day, anew=True),
                "csv, new": clock.median(f"{board}.csv", anew=True),
            }
        return {
            "participants": people,
            "server info, ms": round(peer, 2),
            **{name: {"ms": round(taken, 2), "ratio": round(taken / peer, 1)} for name, taken in found.items()},
        }


def main() -> None:
    """Measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--participants", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=15)
    options = parser.parse_args()
    print(json.dumps(measure(options.participants, options.times), indent=2))


if __name__ == "__main__":
    main()
