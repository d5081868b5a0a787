"""How long submissions wait, and what the gateway bears, for thousands of participants and hundreds of workers.

    python benchmarks/scaling.py --plot docs/pictures/scaling.svg
    PYTHONPATH=tests python benchmarks/scaling.py --check

The first simulates: events in the order of their times, with the gateway's own rule of who is next. The second
sends 40 submissions to a real gateway with two real runners, and simulates the same ones.
Every figure that comes from a measurement stands in ``MEASURED`` and ``COSTS``, everything assumed in ``Scenario``.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from participant_kit.gateway.bell import FEW, LOOK_EVERY, LOOKS

Random = np.random.Generator
DAY = 86_400.0

MEASURED = {
    "cold": 1.85,  # seconds a small notebook takes in a sandbox started for it: 1.6 to 2.1 (benchmarks/submission.py)
    "warm": 0.42,  # the same in a sandbox started ahead: 0.37 to 0.47 (runner start --warm 2)
    "scoring": 0.3,  # seconds (benchmarks/submission.py, scoring alone)
    "tick": 1.0,  # the card's default of release.completion_tick: a run ends at the next one
    "durable": 300.0,  # transactions a second that SQLite makes durable on the disk of this machine
}


@dataclass(frozen=True)
class Cost:
    """Of one request, or of one look of a request that waits: from benchmarks/gateway_load.py."""

    statements: float
    reads: float
    writes: float
    bytes: float
    milliseconds: float


COSTS: dict[str, Cost] = {}
"""Filled below, a line a request."""


@dataclass(frozen=True)
class Job:
    """A submission: when it comes, whose it is, and what it needs, a role and its seconds at a time."""

    arrival: float
    participant: int
    stages: tuple[tuple[str, float], ...]


class Queue:
    """What waits for one role. The next is the gateway's choice: of who has the fewest at work, the oldest.

    With ``fair`` false it is the oldest of all.
    """

    def __init__(self, at_work: Counter[int], fair: bool) -> None:
        self._at_work, self._fair = at_work, fair
        self._waiting: dict[int, list[tuple[float, int]]] = defaultdict(list)
        self._heads: list[tuple[int, float, int, int]] = []

    def add(self, participant: int, arrival: float, number: int) -> None:
        """Let the job ``number`` wait."""
        heapq.heappush(self._waiting[participant], (arrival, number))
        self.offer(participant)

    def offer(self, participant: int) -> None:
        """Say how ``participant`` stands now. What was said before is passed over when it is met."""
        if waiting := self._waiting.get(participant):
            heapq.heappush(self._heads, (self._load(participant), *waiting[0], participant))

    def take(self) -> int | None:
        """The next job."""
        while self._heads:
            load, arrival, number, participant = heapq.heappop(self._heads)
            waiting = self._waiting[participant]
            if waiting and waiting[0] == (arrival, number) and load == self._load(participant):
                heapq.heappop(waiting)
                self.offer(participant)
                return number
        return None

    def _load(self, participant: int) -> int:
        return self._at_work[participant] if self._fair else 0


def simulate(jobs: Sequence[Job], workers: Mapping[str, int], *, fair: bool = True) -> tuple[Any, Any]:
    """Seconds that each job waited (all stages together), and when it ended."""
    at_work: Counter[int] = Counter()
    queues, free = {role: Queue(at_work, fair) for role in workers}, dict(workers)
    waited, ended, since = np.zeros(len(jobs)), np.zeros(len(jobs)), np.zeros(len(jobs))
    order, events = count(), list[tuple[float, int, int, int, bool]]()
    for number, job in enumerate(jobs):
        events.append((job.arrival, next(order), number, 0, False))
    heapq.heapify(events)
    while events:
        now, _, number, stage, done = heapq.heappop(events)
        job = jobs[number]
        if done:
            role = job.stages[stage][0]
            free[role] += 1
            at_work[job.participant] -= 1
            for queue in queues.values():
                queue.offer(job.participant)
            stage += 1
        if stage == len(job.stages):
            ended[number] = now
        else:
            since[number] = now
            queues[job.stages[stage][0]].add(job.participant, job.arrival, number)
        for role, queue in queues.items():
            while free[role] and (taken := queue.take()) is not None:
                chosen = jobs[taken]
                at = next(place for place, (needed, _) in enumerate(chosen.stages) if needed == role)
                free[role] -= 1
                at_work[chosen.participant] += 1
                for each in queues.values():
                    each.offer(chosen.participant)
                waited[taken] += now - since[taken]
                heapq.heappush(events, (now + chosen.stages[at][1], next(order), taken, at, True))
    return waited, ended


def erlang_c(workers: int, load: float) -> float:
    """The chance to wait at all, of ``load`` (arrivals times mean service) at ``workers`` servers (M/M/c)."""
    inverse = 1.0  # of Erlang B, by its recursion
    for servers in range(1, workers + 1):
        inverse = 1 + inverse * servers / load
    blocked = 1 / inverse
    return blocked / (1 - load / workers * (1 - blocked))


@dataclass(frozen=True)
class Scenario:
    """A day of one challenge. ``service`` draws the seconds of one execution; the rest is added."""

    name: str
    arrivals: Callable[[Random], Any]
    service: Callable[[Random, int], Any]
    participants: int = 10_000


def quiet(submissions: int) -> Callable[[Random], Any]:
    """Arrivals of one day: more by day than by night, between nothing and twice the mean (a sine)."""

    def draw(random: Random) -> Any:
        times = random.random(4 * submissions) * DAY
        kept = times[random.random(len(times)) < (1 - np.cos(2 * np.pi * times / DAY)) / 2]
        return np.sort(kept[:submissions])

    return draw


def rush(submissions: int, nearest: float = 300.0) -> Callable[[Random], Any]:
    """Arrivals of a last day whose rate grows as one over the time that is left, and no more in the last ``nearest`` s.

    That is how people register and pay before a deadline (Alfi, Parisi and Pietronero, Nature Physics 2007).
    """

    def draw(random: Random) -> Any:
        left = nearest * ((DAY + nearest) / nearest) ** random.random(submissions) - nearest
        return np.sort(DAY - left)

    return draw


def small(random: Random, number: int) -> Any:
    """Seconds of the demonstration's notebook, warm."""
    return np.full(number, MEASURED["warm"])


def usual(random: Random, number: int) -> Any:
    """A median of one minute, one in six above 2 min 43 s, at most half an hour (log-normal, assumed)."""
    return np.minimum(random.lognormal(math.log(60), 1, number), 1800)


def with_long(share: float) -> Callable[[Random, int], Any]:
    """The usual, and a ``share`` that takes two to six hours."""

    def draw(random: Random, number: int) -> Any:
        long = random.random(number) < share
        return np.where(long, random.uniform(2 * 3600, 6 * 3600, number), usual(random, number))

    return draw


def stages(seconds: Iterable[float], rehearse: bool = True) -> list[tuple[tuple[str, float], ...]]:
    """What each execution needs: a rehearsal on the sample, assumed half as long, then the blind run to its tick."""
    found = []
    for run in seconds:
        blind = math.ceil((run + MEASURED["scoring"]) / MEASURED["tick"]) * MEASURED["tick"]
        found.append((("rehearsal", run / 2), ("blind", blind)) if rehearse else (("blind", blind),))
    return found


def draw_jobs(scenario: Scenario, seed: int = 0) -> list[Job]:
    """A day's submissions, each of a participant drawn by chance."""
    random = np.random.default_rng(seed)
    arrivals = scenario.arrivals(random)
    people = random.integers(0, scenario.participants, len(arrivals))
    needed = stages(scenario.service(random, len(arrivals)))
    return [Job(float(at), int(who), what) for at, who, what in zip(arrivals, people, needed, strict=True)]


def split(workers: int) -> dict[str, int]:
    """A third of the machines rehearse: a rehearsal takes half as long."""
    rehearsal = max(1, workers // 3)
    return {"rehearsal": rehearsal, "blind": max(1, workers - rehearsal)}


def quantiles(waits: Any) -> dict[str, float]:
    """What a table shows of waits, in seconds."""
    median, most, nearly_all = np.quantile(waits, [0.5, 0.95, 0.99])
    return {"median": round(float(median), 1), "95 %": round(float(most), 1), "99 %": round(float(nearly_all), 1)}


# medians of benchmarks/gateway_load.py --participants 1000: 10,000 submissions are in the tables
COSTS.update(
    {
        "quota": Cost(6, 2, 0, 623, 13.7),
        "challenge": Cost(1, 1, 0, 1843, 5.9),
        "me": Cost(1, 1, 0, 395, 5.3),
        "submit": Cost(12, 3, 1, 21_320, 14.6),
        "claim": Cost(7, 1, 1, 28_105, 14.9),
        "renew": Cost(3, 1, 1, 640, 8.5),
        "result": Cost(11, 1, 1, 1797, 12.0),
        "receipt": Cost(3, 2, 0, 1704, 7.4),
        "leaderboard": Cost(3, 1, 0, 674, 6.7),
        "changes": Cost(5, 2, 0, 700, 9.7),
        "claim in vain": Cost(4, 2, 0, 425, 9.6),  # it takes the write lock, and changes nothing
        "look for changes": Cost(4, 1, 0, 0, 2.5),
        "look for work": Cost(3, 1, 0, 0, 2.7),  # as well
    }
)
LEASE, CLAIM_WAIT, WATCH_WAIT = 60.0, 2.0, 25.0
"""Seconds: of a lease (renewed every third), for which a claim is held, and for which a watcher is."""


def requests(
    submissions: float, busy: float, idle: float, watchers: float, *, all_woken: bool = False
) -> dict[str, float]:
    """Requests and looks a second: for ``submissions`` a second, runners at work and without, and who watches.

    A submission is claimed and ended twice, on the sample and on the real data, and each change wakes somebody. With
    ``all_woken`` it wakes everybody, and everybody looks each second: that is how it was.
    """
    waiting, changes, for_runners = idle + watchers, 5 * submissions, 2 * submissions
    pause = LOOK_EVERY if all_woken else max(LOOK_EVERY, waiting / LOOKS)
    everybody = all_woken or waiting <= FEW
    times = {"quota": 2, "challenge": 1, "me": 1, "submit": 1, "claim": 2, "result": 2, "receipt": 1}
    return {name: submissions * number for name, number in times.items()} | {
        "renew": busy / (LEASE / 3),
        "claim in vain": idle / CLAIM_WAIT,
        "look for work": idle * (max(1 / pause, 1 / CLAIM_WAIT) + (changes if everybody else for_runners)),
        "changes": watchers / WATCH_WAIT,
        "look for changes": watchers * (max(1 / pause, 1 / WATCH_WAIT) + (changes if everybody else 0)) + changes,
        "leaderboard": watchers * min(submissions, 1 / pause),
    }


def load(rates: Mapping[str, float]) -> dict[str, float]:
    """What such rates cost: statements, reads, writes and processors a second, and gigabytes a day."""
    totals = {
        name: sum(rate * getattr(COSTS[request], name) for request, rate in rates.items())
        for name in ("statements", "reads", "writes", "bytes", "milliseconds")
    }
    return {name: round(totals[name], 1) for name in ("statements", "reads", "writes")} | {
        "processors": round(totals["milliseconds"] / 1000, 2),
        "GB a day": round(totals["bytes"] * DAY / 1e9, 1),
    }


def most(fits: Callable[[float], bool], limit: float = 1e6) -> float:
    """The largest number that ``fits``, to one in a hundred."""
    low, high = 0.0, limit
    while high - low > max(low, 0.1) / 100:
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def limits(*, all_woken: bool = False) -> dict[str, float]:
    """What one gateway process with SQLite bears of one thing, the rest being quiet: a processor, durable writes."""

    def fits(submissions: float, busy: float, idle: float, watchers: float) -> bool:
        cost = load(requests(submissions, busy, idle, watchers, all_woken=all_woken))
        return cost["processors"] < 1 and cost["writes"] < MEASURED["durable"]

    return {
        "watchers, 20 idle runners": round(most(lambda number: fits(0.035, 1, 20, number))),
        "idle runners, 100 watchers": round(most(lambda number: fits(0.035, 1, number, 100))),
        "busy runners, 100 watchers": round(most(lambda number: fits(0.035, number, 0, 100))),
        "submissions a second, 20 idle runners, 100 watchers": round(most(lambda number: fits(number, 10, 20, 100)), 2),
    }


def delays() -> Iterator[dict[str, Any]]:
    """Waits by day, notebook and workers."""
    for day, arrivals in (("quiet", quiet(3_000)), ("rush", rush(30_000))):
        for notebook, service in (("small", small), ("usual", usual)):
            for workers in (2, 20, 200, 400):
                jobs = draw_jobs(Scenario(day, arrivals, service))
                waited, ended = simulate(jobs, split(workers))
                late = max(0.0, float(ended.max()) - DAY) / 3600
                row = {"day": day, "notebook": notebook, "workers": workers}
                yield row | quantiles(waited) | {"hours after midnight": round(late, 2)}


def hundred(workers: int, *, fair: bool, seed: int = 0) -> dict[str, Any]:
    """One participant sends a hundred at once; sixty others send one each within the hour after."""
    random = np.random.default_rng(seed)
    needed = stages(usual(random, 160))
    arrivals = [0.0] * 100 + sorted(random.random(60) * 3600)
    jobs = [Job(float(at), max(0, n - 99), needed[n]) for n, at in enumerate(arrivals)]
    waited, _ = simulate(jobs, split(workers), fair=fair)
    return {"workers": workers, "fair": fair, "others": quantiles(waited[100:]), "the hundred": quantiles(waited[:100])}


def long_jobs(workers: int, share: float) -> dict[str, Any]:
    """A quiet day of which a ``share`` takes two to six hours: how long the others wait."""
    jobs = draw_jobs(Scenario("quiet", quiet(3_000), with_long(share)))
    waited, _ = simulate(jobs, split(workers))
    short = np.array([job.stages[1][1] <= 1802 for job in jobs])
    blind = sum(job.stages[1][1] for job in jobs) / DAY
    at_work = round(blind / split(workers)["blind"], 2)
    return {"workers": workers, "long": share, "load": at_work} | quantiles(waited[short])


def plot(found: list[dict[str, Any]], path: str) -> None:
    """Waits of the rush by workers, and processors of the gateway by watchers."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for (day, notebook), line in {("rush", "usual"): "C0", ("quiet", "usual"): "C1", ("rush", "small"): "C2"}.items():
        rows = [row for row in found if row.get("day") == day and row["notebook"] == notebook]
        for quantile, style in (("median", "-"), ("99 %", "--")):
            places = [max(row[quantile], 0.1) for row in rows]
            label = f"{day} day, {notebook} notebooks, {quantile}"
            left.plot([row["workers"] for row in rows], places, style, color=line, marker="o", label=label)
    left.set(xscale="log", yscale="log", xlabel="workers", ylabel="waited")
    left.set_yticks([0.1, 1, 60, 3600, DAY], ["nothing", "1 s", "1 min", "1 h", "1 day"])
    left.minorticks_off()
    left.legend(frameon=False, fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    numbers = np.logspace(1, 4, 40)
    for label, all_woken in (("all look each second, and at each change", True), ("as it is", False)):
        cost = [load(requests(0.035, 3, 20, number, all_woken=all_woken))["processors"] for number in numbers]
        right.plot(numbers, cost, label=label)
    right.axhline(1, color="black", linewidth=0.8)
    right.set(xscale="log", yscale="log", xlabel="watchers", ylabel="processors of the gateway, quiet day")
    right.legend(frameon=False, fontsize=6)
    figure.savefig(path)


def check(number: int = 40, workers: int = 2) -> dict[str, Any]:
    """Send submissions to a real gateway with two real runners; then simulate what came and what each run took."""
    import sqlite3
    import tempfile
    import threading
    import time
    from pathlib import Path

    from house import SOLUTION, House, wait_until
    from support import own_home

    from participant_kit.participant import Client
    from participant_kit.protocol.keys import Role

    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, own_home(Path(folder)):
        house = House(Path(folder), (Role.BLIND,))
        house.make_spare()
        claimed, ended = dict[str, float](), dict[str, float]()
        done = threading.Event()

        def watch() -> None:
            database = sqlite3.connect(house.root / "gateway" / "gateway.sqlite")
            while not done.wait(0.02):
                for identifier, state, changed in database.execute("SELECT id, state, updated_at FROM submissions"):
                    if state == "running":
                        claimed.setdefault(identifier, changed)
                    elif state != "queued":
                        ended.setdefault(identifier, changed)
            database.close()

        try:
            house.open()
            house.start_spare()
            watching = threading.Thread(target=watch)
            watching.start()
            clients = [Client(house.address, house.token(f"p{person}", "participant")) for person in range(4)]
            owners, sent = random.choice(4, number, p=[0.7, 0.1, 0.1, 0.1]), []
            for owner, pause in zip(owners, random.exponential(2.0, number), strict=True):
                time.sleep(pause)
                notebook = house.write(f"import time\ntime.sleep({random.uniform(1, 4):.2f})", SOLUTION)
                sent.append((int(owner), clients[owner].submit(notebook, challenge=house.kit.root)))
            wait_until(lambda: len(ended) == number, 300, "all have ended")
        finally:
            done.set()
            house.close()
        watching.join()
    created = [submission.status.created_at.timestamp() for _, submission in sent]
    ids = [submission.id for _, submission in sent]
    real = np.array([claimed[name] - at for name, at in zip(ids, created, strict=True)])
    took = [ended[name] - claimed[name] for name in ids]
    jobs = [Job(at, owner, (("blind", seconds),)) for at, (owner, _), seconds in zip(created, sent, took, strict=True)]
    waited, _ = simulate(jobs, {"blind": workers})
    mean = {"real mean": round(float(real.mean()), 2), "simulated mean": round(float(waited.mean()), 2)}
    return mean | {"real": quantiles(real), "simulated": quantiles(waited), "took": quantiles(took)}


def main() -> None:
    """Simulate everything, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot")
    parser.add_argument("--check", action="store_true", help="against a real gateway with two real runners")
    options = parser.parse_args()
    if options.check:
        print(json.dumps(check()))
        return
    found = list(delays())
    found += [hundred(workers, fair=fair) for workers in (6, 30) for fair in (True, False)]
    found += [long_jobs(workers, share) for workers, shares in LONG.items() for share in shares]
    for who, rates in GATEWAYS.items():
        for all_woken in (True, False):
            found.append({"gateway": who, "all woken": all_woken} | load(requests(*rates, all_woken=all_woken)))
    found += [{"one process bears": limits(all_woken=all_woken), "all woken": all_woken} for all_woken in (True, False)]
    for row in found:
        print(json.dumps(row), flush=True)
    if options.plot:
        plot(found, options.plot)


LONG = {20: (0.0, 0.01, 0.02, 0.03), 200: (0.0, 0.1, 0.2, 0.3)}
"""By workers, shares of a quiet day that take two to six hours."""
GATEWAYS = {
    "quiet day, 100 watch": (0.035, 3, 197, 100),
    "quiet day, 10,000 watch": (0.035, 3, 197, 10_000),
    "the rush's last hour, 1,000 watch": (3.8, 190, 10, 1_000),
    "the rush's last minutes, 10,000 watch": (17.6, 200, 0, 10_000),
}
"""Submissions a second, runners at work, runners without, watchers."""


if __name__ == "__main__":
    main()
