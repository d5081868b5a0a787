"""How long a page of the organizer's desk takes, beside the endpoint that says which server this is, in the same run.

    python benchmarks/desk.py --participants 20000

Each person has five submissions. Medians in milliseconds of one client that asks one after another, and their ratios;
``grows`` is how much longer a page takes than at a tenth of the size: 1 is a page whose work is what it shows.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests
from gateway import API, gateway, prepare

from participant_kit.gateway.accounts import create_token
from participant_kit.gateway.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from desk_world import fill_desk

PAGES = {
    "overview": "/desk",
    "people": "/desk/people",
    "people, in the middle": "/desk/people?after=participant-{middle}",
    "people, found by a part of the name": "/desk/people?find={last}",
    "people, who wait": "/desk/people?state=waiting",
    "teams": "/desk/people/teams",
    "submissions": "/desk/submissions",
    "submissions, in the middle": "/desk/submissions?before=00000002-0000-7000-8000-{middle:0>12}",
    "submissions that failed": "/desk/submissions?state=failed",
    "submissions that wait, of a challenge": "/desk/submissions?challenge=load&state=queued",
    "submissions of somebody": "/desk/submissions?participant=participant-{last}",
    "one submission": "/desk/submissions/00000004-0000-7000-8000-{middle:0>12}",
    "audit log": "/desk/audit",
    "audit log, of somebody": "/desk/audit?on=participant-{last}",
    "invitations": "/desk/invitations",
    "runners": "/desk/runners",
    "challenge": "/desk/challenges/load",
}


def log_in(address: str, token: str) -> requests.Session:
    """A browser that an organizer has logged in with."""
    session = requests.Session()
    sent = {"token": token, "next": "/desk"}
    answer = session.post(f"{address}/login", data=sent, headers={"Origin": address}, timeout=30)
    if not answer.url.endswith("/desk"):
        raise SystemExit(f"The gateway let nobody in: {answer.status_code}.")
    return session


@dataclass
class Taken:
    """Medians in milliseconds: of a page, and of the peer that was asked before each look at it."""

    page: float
    peer: float
    size: int = 0

    @property
    def ratio(self) -> float:
        """How many times as long as the peer."""
        return self.page / self.peer


def clock(ask: Callable[[], requests.Response], peer: Callable[[], requests.Response], times: int) -> Taken:
    """Ask so many times, each after the peer: a machine that has other work is slower for both."""
    pages, peers, size = [], [], 0
    for _ in range(times):
        for which, taken in ((peer, peers), (ask, pages)):
            began = time.perf_counter()
            answer = which()
            taken.append(1000 * (time.perf_counter() - began))
            if answer.status_code != 200:
                raise SystemExit(f"The gateway answered {answer.status_code} for {answer.url}.")
        size = len(answer.content)
    return Taken(statistics.median(pages), statistics.median(peers), size)


def measure(people: int, times: int) -> dict[str, Taken]:
    """Every page with ``people``, on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder))
        prepare(settings)
        fill_desk(settings, "load", people)
        token = create_token(settings.data, "desk", "organizer")
        with gateway(settings) as found:
            address = found.removesuffix(API)
            session = log_in(address, token)
            numbers = {"middle": f"{people // 2:05d}", "last": f"{people - 7:05d}"}
            peer = partial(session.get, f"{address}{API}/", timeout=60)
            taken = {}
            for name, path in PAGES.items():
                ask = partial(session.get, address + path.format(**numbers), timeout=60)
                taken[name] = clock(ask, peer, times)
            page = session.get(f"{address}/desk/challenges/load", timeout=60).text
            form = dict(
                re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', page.split("<details", 1)[1].split("</form>")[0])
            )
            form |= {"total": "3", "leaderboard": "live", "act": "preview"}
            path = f"{address}/desk/challenges/load/phases/development"
            ask = partial(session.post, path, data=form, headers={"Origin": address}, timeout=60)
            return taken | {"a phase's change, shown before": clock(ask, peer, times)}


def report(people: int, times: int) -> dict[str, Any]:
    """The pages with ``people`` beside those with a tenth."""
    small, large = measure(people // 10, times), measure(people, times)
    pages = {
        name: {
            "ms": round(taken.page, 1),
            "ratio": round(taken.ratio, 1),
            "grows": round(taken.ratio / small[name].ratio, 2),
            "kB": round(taken.size / 1000, 1),
        }
        for name, taken in large.items()
    }
    return {"participants": people, "pages": pages}


def main() -> None:
    """Measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--participants", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=15)
    options = parser.parse_args()
    print(json.dumps(report(options.participants, options.times), indent=2))


if __name__ == "__main__":
    main()
