"""The model of the private sample: a tree of pairwise marginals, conditioned on the target.

In the spirit of tree-augmented naive Bayes (Friedman, Geiger and Goldszmidt, 1997), measured and chosen privately as
in MST (McKenna, Miklau and Sheldon, 2021): one-way marginals, the marginals of the target with the columns that it
is most related to, and a forest of the most related pairs. A column that has both a parent and the target follows the
distribution of maximum entropy that agrees with its pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from participant_kit.organizer.synthesize.accountant import Accountant
from participant_kit.organizer.synthesize.coded import CodedTable
from participant_kit.organizer.synthesize.coding import Coding
from participant_kit.organizer.synthesize.marginals import choose_grid, merge, rake, shrink, smooth, to_simplex, trend

Array = npt.NDArray[np.float64]
Grid = npt.NDArray[np.int64]
Pair = tuple[int, int]

SHARES = {"rows": 0.02, "one-way": 0.23, "related": 0.22, "edges": 0.03, "pairs": 0.5}
"""How the budget is divided over the steps; what a step does not need goes to those after it."""
TARGET_PART = 0.15
"""Of the budget of single columns, that of the target: all relations to it are measured against its shares."""
TARGET_WEIGHT = 4.0
"""A pair with the target gets this many times the budget of another pair."""
TARGET_CODES = 8
CODES = (4, 16)
"""The fewest and the most coarse codes of a column in a pair."""
BLOCKS = (6, 256)
"""The fewest and the most blocks of bins that a column is counted in."""
BLOCK_NOISE = 10
"""The noise of half a column is at most about this part of its rows."""
CELL_NOISE = 3.0
"""Pairs are counted so coarsely that an average cell holds this many standard deviations of its noise."""
MIN_RELATED = 12
EDGES = (4, 256)
"""The fewest and the most pairs of columns besides those with the target."""
EDGE_NOISE = 6.0
"""So many pairs are counted that an average cell of the coarsest holds this many standard deviations of its noise."""
ROUNDING = 1e-9
"""What floating point may add to a score, as a part of it."""
LOOKED_AT = 50_000
"""Of more rows than these, about so many are looked at to choose pairs."""


@dataclass(frozen=True)
class Step:
    """How ``column`` is drawn: ``table``, shape (parent's codes x target's codes, codes), holds cumulative shares."""

    column: int
    parent: int | None
    on_target: bool
    table: Array


@dataclass(frozen=True)
class Tree:
    """What was learned, in the order in which it is drawn.

    ``grids`` map each column's codes to the coarse ones of its pairs; ``fine`` holds the shares of all its codes.
    ``rows`` is the number of rows, noised where it is not public.
    """

    target: int
    rows: float
    grids: list[Grid]
    fine: list[Array]
    steps: list[Step]

    def draw(self, rows: int, random: np.random.Generator) -> list[Grid]:
        """Codes of ``rows`` rows, column by column."""
        coarse: dict[int, Grid] = {}
        for step in self.steps:
            index = np.zeros(rows, dtype=np.int64) if step.parent is None else coarse[step.parent]
            if step.on_target:
                index = index * (self.grids[self.target].max() + 1) + coarse[self.target]
            coarse[step.column] = _pick(step.table, index, random)
        return [self._refine(column, coarse[column], random) for column in range(len(self.grids))]

    def _refine(self, column: int, codes: Grid, random: np.random.Generator) -> Grid:
        grid = self.grids[column]
        members = grid == np.arange(grid.max() + 1)[:, None]
        shares = np.where(members, self.fine[column], 0.0)
        bare = shares.sum(axis=1, keepdims=True) == 0
        return _pick(_cumulative(np.where(bare, members, shares)), codes, random)


def learn_tree(
    accountant: Accountant,
    codings: Sequence[Coding],
    target: int,
    *,
    rows: int | None = None,
    conditioned: bool = True,
) -> Tree:
    """The tree of ``codings``, of which the one at ``target`` is to be predicted, within the accountant's budget.

    ``rows`` is the number of rows where that is public; without it, it is counted with noise. Not ``conditioned``,
    the target is a column as any other, and all columns are spanned.
    """
    return _Learner(accountant, codings, target, rows, conditioned).learn()


class _Learner:
    """The steps of :func:`learn_tree`; each builds on what those before it released, and on nothing else."""

    def __init__(
        self, accountant: Accountant, codings: Sequence[Coding], target: int, rows: int | None, conditioned: bool
    ) -> None:
        self.ask, self.codings, self.target, self.public_rows = accountant, codings, target, rows
        self.conditioned = conditioned and codings[target].size > 1
        root = target if self.conditioned else None
        self.others = [column for column, coding in enumerate(codings) if column != root and coding.size > 1]
        self.joint: dict[Pair, Array] = {}
        self.related: list[int] = []

    def learn(self) -> Tree:
        self.rows = self._count_rows()
        self._count_columns()
        self.grids = self._choose_grids()
        self.shares = [merge(shares, grid) for shares, grid in zip(self.fine, self.grids, strict=True)]
        self.related = self._choose_related() if self.conditioned else []
        edges = self._choose_edges()
        targeted = TARGET_WEIGHT * len(self.related)
        share = self.ask.left * targeted / max(targeted + len(edges), 1)
        counted = [
            *self._count_pairs([(column, self.target) for column in self.related], share),
            *self._count_pairs(edges, self.ask.left),
        ]
        self._agree(counted)
        for pair, counts, noise in counted:
            trends = (
                trend(self.codings[pair[0]], self.grids[pair[0]]),
                trend(self.codings[pair[1]], self.grids[pair[1]]),
            )
            self.joint[pair] = shrink(counts, self._expected(pair), noise, trends) / self.rows
        return Tree(self.target, self.rows, self.grids, self.fine, list(self._steps(edges)))

    def _share(self, step: str) -> float:
        """What ``step`` may spend of what is left."""
        names = list(SHARES)
        return self.ask.left * SHARES[step] / sum(SHARES[name] for name in names[names.index(step) :])

    def _count_rows(self) -> float:
        if self.public_rows:
            return float(self.public_rows)
        [counts], _ = self.ask.count([lambda table: np.array([len(table)])], self._share("rows"))
        return max(float(counts[0]), 1.0)

    def _count_columns(self) -> None:
        """The shares of all codes. Bins are counted together, in blocks of neighbours, where noise would hide them."""
        self.fine = [np.ones(1) for _ in self.codings]
        self.noise = np.ones(len(self.codings))
        self.blocks = [np.zeros(1, dtype=np.int64) for _ in self.codings]
        rho = self._share("one-way")
        if self.conditioned:
            self._count_one_way([self.target], TARGET_PART * rho)
            rho *= 1 - TARGET_PART
        if self.others:
            self._count_one_way(self.others, rho)

    def _count_one_way(self, columns: Sequence[int], rho: float) -> None:
        noise = np.sqrt(len(columns) / (2 * rho))
        most = int(np.clip((self.rows / (BLOCK_NOISE * noise)) ** 2, *BLOCKS))
        blocks = [_blocks(self.codings[column], most) for column in columns]
        answers, noise = self.ask.count([_one_way(*asked) for asked in zip(columns, blocks, strict=True)], rho)
        for column, block, counts in zip(columns, blocks, answers, strict=True):
            coding = self.codings[column]
            if coding.is_ordered:
                last = len(counts) - (coding.size > coding.values)
                counts = np.append(smooth(counts[:last], noise), counts[last:])
            self.fine[column] = (to_simplex(counts / self.rows) / np.bincount(block))[block]
            self.noise[column], self.blocks[column] = noise, block

    def _choose_grids(self) -> list[Grid]:
        rho = self.ask.rho * SHARES["pairs"]
        room = 2 * rho * (self.rows / (EDGE_NOISE * CODES[0] ** 2)) ** 2
        self.most_edges = max(min(int(np.clip(room, *EDGES)), len(self.others) - 1), 1)
        noise = np.sqrt(self.most_edges / (2 * rho))
        most = int(np.clip(np.sqrt(self.rows / (CELL_NOISE * noise)), *CODES))
        codes = [TARGET_CODES if column == self.target else most for column in range(len(self.codings))]
        floors = 2 * self.noise / self.rows
        return [choose_grid(*asked) for asked in zip(self.codings, self.fine, codes, floors, strict=True)]

    def _choose_related(self) -> list[int]:
        smallest = self.rows * float(self.shares[self.target].min())
        cells = max(len(shares) for shares in self.shares)
        room = int(self._share("pairs") * (smallest / (CELL_NOISE * cells)) ** 2)
        count = min(max(room, MIN_RELATED), len(self.others))
        if count == len(self.others):
            return self.others

        def score(table: CodedTable) -> Array:
            return np.array([self._relation(self._two_way((column, self.target))(table)) for column in self.others])

        return [self.others[position] for position in self.ask.choose(score, count, self._share("related"))]

    def _relation(self, counts: npt.NDArray[np.int64]) -> float:
        """How far the target's shares in the codes of a column, whose pair is ``counts``, are from its own.

        In the most that one row of the rarest of the target's codes can add: no row moves it by more than 1. What is
        not known of the column's shares does not enter.
        """
        shares = self.shares[self.target]
        apart = counts - np.outer(counts.sum(axis=1), shares)
        most = max(1 - float(shares.min()), 0.5) * (1 + ROUNDING)
        return float(np.abs(apart).sum() / 2 / most)

    def _choose_edges(self) -> list[Pair]:
        """A forest of pairs: those that the codebook names, and those that surprise most, while any does."""
        forest = _Forest(len(self.codings))
        edges = [pair for pair in self._named_pairs() if forest.join(*pair)]
        most = min(len(self.others) - 1, self.most_edges) - len(edges)
        if most < 1:
            return edges
        choose, scale = self.ask.choose_in_turn(most, self._share("edges"))
        looked_at = min(1.0, LOOKED_AT / self.rows)
        noise = np.sqrt((most + len(edges) + TARGET_WEIGHT * len(self.related)) / (2 * self._share("pairs")))
        first, second = (np.array(self.others)[side] for side in np.triu_indices(len(self.others), 1))
        cells = np.array([len(shares) for shares in self.shares])
        penalty = self.conditioned * np.sqrt(2 / np.pi) * noise * looked_at * cells[first] * cells[second]
        shares = np.concatenate(self.shares)
        surprise = _Surprise(self.grids, self.rows * np.outer(shares, shares), looked_at)
        for _ in range(most):
            apart = np.flatnonzero(forest.roots[first] != forest.roots[second])
            if not len(apart):
                break

            def score(table: CodedTable, apart: npt.NDArray[np.int64] = apart) -> Array:
                gain = surprise(table)[first[apart], second[apart]] - penalty[apart]
                lifted = scale * np.log(len(apart))  # so far noise lifts the best of equal scores
                return np.append(gain, lifted if self.conditioned else -self.rows)

            if (position := choose(score)) == len(apart):
                break
            pair = int(first[apart[position]]), int(second[apart[position]])
            forest.join(*pair)
            edges.append(pair)
        return edges

    def _named_pairs(self) -> Iterator[Pair]:
        """Columns of which one is missing by rule where the other has a level, or where the other is missing."""
        position = {coding.name: column for column, coding in enumerate(self.codings)}
        nullable = {coding.name for coding in self.codings if coding.column.nullable}
        for column in self.others:
            coding = self.codings[column]
            for other in (*nullable.intersection([coding.since]), *coding.column.missing_when):
                if (named := position.get(other)) in self.others:
                    yield column, named

    def _count_pairs(self, pairs: Sequence[Pair], rho: float) -> list[tuple[Pair, Array, float]]:
        """The noisy counts of each pair, shape (codes, codes), and the deviation of their noise."""
        if not pairs:
            return []
        answers, noise = self.ask.count([self._two_way(pair) for pair in pairs], rho)
        shapes = [(len(self.shares[first]), len(self.shares[second])) for first, second in pairs]
        return [
            (pair, counts.reshape(shape), noise) for pair, counts, shape in zip(pairs, answers, shapes, strict=True)
        ]

    def _agree(self, counted: Sequence[tuple[Pair, Array, float]]) -> None:
        """Each column's shares as all counts of it say, weighted by how little noise is in them."""
        for column, grid in enumerate(self.grids):
            blocks = np.array([len(np.unique(self.blocks[column][grid == code])) for code in range(grid.max() + 1)])
            weight = 1 / (self.noise[column] ** 2 * blocks)
            total = weight * self.shares[column] * self.rows
            for pair, counts, noise in counted:
                if column in pair:
                    margin = counts.sum(axis=1 if pair[0] == column else 0)
                    one = 1 / (noise**2 * (counts.size / len(margin)))
                    weight, total = weight + one, total + one * margin
            shares = to_simplex(total / weight / self.rows)
            before = np.maximum(self.shares[column], 1e-12)
            self.fine[column] = self.fine[column] * (shares / before)[grid]
            self.shares[column] = shares

    def _two_way(self, pair: Pair) -> Callable[[CodedTable], npt.NDArray[np.int64]]:
        (first, second), sizes = pair, [self.grids[column].max() + 1 for column in pair]

        def count(table: CodedTable) -> npt.NDArray[np.int64]:
            codes = [_coarse(table.columns[column], self.grids[column]) for column in (first, second)]
            index = codes[0] * (sizes[1] + 1) + codes[1]
            counts = np.bincount(index, minlength=(sizes[0] + 1) * (sizes[1] + 1))
            return counts.reshape(sizes[0] + 1, sizes[1] + 1)[:-1, :-1]

        return count

    def _by_target(self, column: int) -> Array:
        """The shares of the column's codes by the target's, shape (target's codes, codes), as far as known."""
        if column in self.related:
            return _rows(self.joint[(column, self.target)].T)
        return np.tile(self.shares[column], (len(self.shares[self.target]), 1))

    def _expected(self, pair: Pair) -> Array:
        """The counts of ``pair`` if its columns were independent, given the target where that is known."""
        if pair[1] == self.target:
            return self.rows * np.outer(self.shares[pair[0]], self.shares[self.target])
        first, second = map(self._by_target, pair)
        result: Array = self.rows * np.einsum("t,ti,tj->ij", self.shares[self.target], first, second)
        return result

    def _steps(self, edges: Sequence[Pair]) -> Iterator[Step]:
        target, root = self.shares[self.target], self.target if self.conditioned else None
        if self.conditioned:
            yield Step(self.target, None, False, _cumulative(target[None, :]))
        by_target = list(map(self._by_target, range(len(self.codings))))
        for column, parent in _walk(len(self.codings), edges, root):
            on_target = column in self.related
            if parent is None:
                table = by_target[column] if on_target else self.shares[column][None, :]
            else:
                pair = self.joint.get((column, parent))
                pair = self.joint[(parent, column)].T if pair is None else pair
                if on_target:
                    third = by_target[parent] * target[:, None]
                    cube = rake(pair.T, self.joint[(column, self.target)].T, third.T)
                    table = cube.reshape(-1, cube.shape[2])
                    by_target[column] = _rows(cube.sum(axis=0))
                else:
                    table = pair.T
                    by_target[column] = by_target[parent] @ _rows(pair.T)
            yield Step(column, parent, on_target, _cumulative(table))


class _Surprise:
    """How far each pair of columns is from what was expected, in rows: shape (columns, columns).

    About ``part`` of the rows are looked at. A row is in one cell of each pair, so it moves no entry by more than 1.
    """

    def __init__(self, grids: Sequence[Grid], expected: Array, part: float) -> None:
        self.grids, self.expected, self.part = grids, expected * part, part
        self._known: tuple[CodedTable, Array] | None = None

    def __call__(self, table: CodedTable) -> Array:
        if self._known is None or self._known[0] is not table:
            self._known = table, self._measure(table)
        return self._known[1]

    def _measure(self, table: CodedTable) -> Array:
        looked_at = np.flatnonzero(table.coins < self.part)
        sizes = np.array([grid.max() + 1 for grid in self.grids])
        starts = np.append(0, np.cumsum(sizes))
        counts = np.zeros(self.expected.shape)
        for rows in np.array_split(looked_at, len(looked_at) // 8192 + 1):
            present = np.zeros((len(rows), starts[-1] + 1), dtype=np.float32)
            for column, grid in enumerate(self.grids):
                codes = _coarse(table.columns[column][rows], grid)
                present[np.arange(len(rows)), np.where(codes < sizes[column], starts[column] + codes, starts[-1])] = 1
            present = present[:, :-1]
            counts += present.T @ present
        apart = np.abs(counts - self.expected)
        return np.add.reduceat(np.add.reduceat(apart, starts[:-1], axis=0), starts[:-1], axis=1)


class _Forest:
    """Which columns are joined already."""

    def __init__(self, count: int) -> None:
        self.roots = np.arange(count)

    def join(self, first: int, second: int) -> bool:
        """Join two; False when they are joined already."""
        one, other = self.roots[first], self.roots[second]
        self.roots[self.roots == other] = one
        return bool(one != other)


def _walk(count: int, edges: Sequence[Pair], left_out: int | None) -> Iterator[tuple[int, int | None]]:
    """Each column with its parent, parents first; the column of most edges begins its tree."""
    near: dict[int, list[int]] = {column: [] for column in range(count) if column != left_out}
    for first, second in edges:
        near[first].append(second)
        near[second].append(first)
    seen: set[int] = set()
    for root in sorted(near, key=lambda column: -len(near[column])):
        waiting: list[tuple[int, int | None]] = [(root, None)] if root not in seen else []
        while waiting:
            column, parent = waiting.pop()
            seen.add(column)
            yield column, parent
            waiting += [(other, column) for other in near[column] if other != parent]


def _blocks(coding: Coding, most: int) -> Grid:
    """Of each code the block that it is counted in: its own, or one of ``most`` of neighbouring bins."""
    if not coding.is_ordered or coding.values <= most:
        return np.arange(coding.size)
    blocks = np.arange(coding.values) * most // coding.values
    return np.append(blocks, most) if coding.size > coding.values else blocks


def _one_way(column: int, blocks: Grid) -> Callable[[CodedTable], npt.NDArray[np.int64]]:
    size = blocks.max() + 1
    return lambda table: np.bincount(_coarse(table.columns[column], blocks), minlength=size + 1)[:size]


def _coarse(codes: npt.NDArray[np.uint16], grid: Grid) -> Grid:
    """Coarse codes; what counts nowhere becomes one more than the last."""
    return np.append(grid, grid.max() + 1)[codes]


def _rows(table: Array) -> Array:
    """Each row of ``table`` as shares that sum to 1; a row of nothing is uniform."""
    total = table.sum(axis=1, keepdims=True)
    return np.where(total > 0, table / np.where(total > 0, total, 1.0), 1.0 / table.shape[1])


def _cumulative(table: Array) -> Array:
    """Each row of ``table`` as cumulative shares."""
    cumulative = np.cumsum(_rows(table), axis=1)
    cumulative[:, -1] = 1.0
    return cumulative


def _pick(table: Array, index: Grid, random: np.random.Generator) -> Grid:
    """For each entry of ``index`` a code drawn from that row of cumulative shares."""
    flat = (table + np.arange(len(table))[:, None]).ravel()
    place = np.searchsorted(flat, index + random.random(len(index)), side="right")
    codes: Grid = np.clip(place - index * table.shape[1], 0, table.shape[1] - 1)
    return codes
