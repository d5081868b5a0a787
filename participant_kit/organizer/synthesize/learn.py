"""How the private sample's model is learned: chosen and measured privately, all of it within one budget.

Every column that tells of the target depends on it and on one more, the super-parent (Keogh and Pazzani, 1999: a
tree-augmented naive Bayes of Friedman, Geiger and Goldszmidt, 1997), and on the column that it is most related to, in
a forest that is chosen and measured as in MST (McKenna, Miklau and Sheldon, 2021). It follows the distribution of
maximum entropy that agrees with these pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from participant_kit.organizer.synthesize.accountant import Accountant
from participant_kit.organizer.synthesize.coded import CodedTable
from participant_kit.organizer.synthesize.coding import Coding, coarse
from participant_kit.organizer.synthesize.marginals import (
    choose_grid,
    merge,
    rake,
    rows_of,
    shrink,
    smooth,
    to_simplex,
    trend,
)
from participant_kit.organizer.synthesize.relation import ROUNDING, Surprise, apart, apart_by_chance
from participant_kit.organizer.synthesize.residual import Residual
from participant_kit.organizer.synthesize.tree import Array, Grid, Step, Tree

Pair = tuple[int, int]

SHARES = {"rows": 0.02, "one-way": 0.22, "related": 0.2, "edges": 0.03, "pairs": 0.53}
"""How the budget is divided over the steps; what a step does not need goes to those after it."""
TARGET_PART = 0.15
"""Of the budget of single columns, that of the target: all relations to it are measured against its shares."""
SUPER_CHOICE, SUPER_PART = 0.15, 0.3
"""Of the budget of the choice of related columns, that of the super-parent; and of pairs, that of it and the target."""
TARGET_WEIGHT, SUPER_WEIGHT = 4.0, 2.0
"""A pair with the target, or the super-parent, gets this many times the budget of another pair."""
TARGET_CODES = 8
CODES = (4, 16)
"""The fewest and the most coarse codes of a column in a pair."""
BLOCKS = (6, 256)
"""The fewest and the most blocks of bins that a column is counted in."""
BLOCK_NOISE = 10
"""The noise of half a column is at most about this part of its rows."""
CELL_NOISE = 3.0
"""Pairs are counted so coarsely that an average cell holds this many standard deviations of its noise."""
MIN_RELATED = 14
EDGES = (4, 256)
"""The fewest and the most pairs of columns besides those with the target and the super-parent."""
EDGE_NOISE = 6.0
"""So many pairs are counted that an average cell of the coarsest holds this many standard deviations of its noise."""
LOOKED_AT = 50_000
"""Of more rows than these, about so many are looked at to choose pairs."""


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
    the target is a column as any other, there is no super-parent, and all columns are spanned.
    """
    return _Learner(accountant, codings, target, rows, conditioned).learn()


class _Learner:
    """The steps of :func:`learn_tree`; each builds on what those before it released, and on nothing else."""

    def __init__(
        self, accountant: Accountant, codings: Sequence[Coding], target: int, rows: int | None, conditioned: bool
    ) -> None:
        self.ask, self.codings, self.target, self.public_rows = accountant, codings, target, rows
        self.root = target if conditioned and codings[target].size > 1 else -1  # none
        self.others = [column for column, coding in enumerate(codings) if column != self.root and coding.size > 1]
        self.joint: dict[Pair, Array] = {}
        self.related: list[int] = []
        self.super_parent = -1  # as yet

    @property
    def conditioned(self) -> bool:
        """Whether columns depend on the target."""
        return self.root >= 0

    def learn(self) -> Tree:
        self.rows = self._count_rows()
        self._count_columns()
        self.grids = self._choose_grids()
        self.shares = [merge(shares, grid) for shares, grid in zip(self.fine, self.grids, strict=True)]
        if self.conditioned and self.others:
            self._choose_related()
        named = list(self._named_pairs())
        kinds = [[(column, self.target) for column in self.related[1:]], self._super_pairs(named)]
        weights = [TARGET_WEIGHT * self._weight(kinds[0]), SUPER_WEIGHT * self._weight(kinds[1])]
        edges = self._choose_edges(named, sum(weights))
        kinds, weights = [*kinds, edges], [*weights, self._weight(edges)]
        for position, pairs in enumerate(kinds):
            self._count_pairs(pairs, self.ask.left * weights[position] / max(sum(weights[position:]), 1e-12))
        steps = list(self._steps(edges))
        return Tree(self.target, self.rows, self.grids, self.fine, dict(self._tilts()), steps)

    def _share(self, step: str) -> float:
        """What ``step`` may spend of what is left."""
        names = list(SHARES)
        return self.ask.left * SHARES[step] / sum(SHARES[name] for name in names[names.index(step) :])

    def _count_rows(self) -> float:
        if self.public_rows:
            return float(self.public_rows)
        [count], _ = self.ask.count([Residual(lambda table: np.array(len(table)), axes=())], self._share("rows"))
        return max(float(count), 1.0)

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
        noise = np.sqrt(sum(1 - 1 / self.codings[column].size for column in columns) / (2 * rho))
        most = int(np.clip((self.rows / (BLOCK_NOISE * noise)) ** 2, *BLOCKS))
        blocks = [_blocks(self.codings[column], most) for column in columns]
        answers, noise = self.ask.count([_one_way(*asked) for asked in zip(columns, blocks, strict=True)], rho)
        for column, block, counts in zip(columns, blocks, answers, strict=True):
            coding = self.codings[column]
            if coding.is_ordered:
                last = len(counts) - (coding.size > coding.values)
                counts = np.append(smooth(counts[:last], noise), counts[last:])
            shares = to_simplex(counts / self.rows + 1 / len(counts))
            self.fine[column] = (shares / np.bincount(block))[block]
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

    def _choose_related(self) -> None:
        """The super-parent, which tells most of the target, and those that tell most by themselves or beside it."""
        choice, pairs = self._share("related"), self._share("pairs")
        [first] = self.ask.choose(self._tell_of_target, 1, SUPER_CHOICE * choice)
        self.super_parent = self.others[first]
        noise = self._count_pairs([(self.super_parent, self.target)], SUPER_PART * pairs)
        below = [column for column in self.others if column != self.super_parent]
        smallest = self.rows * float(self.shares[self.target].min())
        cells = max(len(shares) for shares in self.shares)
        room = int(pairs * (smallest / (CELL_NOISE * cells)) ** 2)
        if (count := max(room, MIN_RELATED) - 1) < len(below):
            positions = self.ask.choose(self._tell_more(below, noise), count, (1 - SUPER_CHOICE) * choice)
            below = [below[position] for position in positions]
        self.related = [self.super_parent, *below]

    def _tell_of_target(self, table: CodedTable) -> Array:
        """How far the target's shares in the codes of each of the others are from its own.

        In the most that one row of the rarest of the target's codes can add: no row moves a score by more than 1.
        What is not known of the column's shares does not enter.
        """
        return np.array([self._tells(column, table) for column in self.others])

    def _tells(self, column: int, table: CodedTable) -> float:
        shares = self.shares[self.target]
        most = max(1 - float(shares.min()), 0.5) * (1 + ROUNDING)
        by_chance = apart_by_chance(self.rows * self.shares[column][:, None], shares)
        return (apart(self._count((column, self.target), table), shares) - by_chance) / most

    def _tell_more(self, columns: Sequence[int], noise: float) -> Callable[[CodedTable], Array]:
        """How much each of ``columns`` tells of the target, by itself or of what the super-parent leaves open.

        That one's pair with the target was counted with this ``noise``.
        """
        chances = rows_of(self._base)[None]

        def beside(column: int, table: CodedTable) -> float:
            rows = self.rows * np.outer(self.shares[column], self.shares[self.super_parent])[:, :, None]
            told = apart(self._count((column, self.super_parent, self.target), table), chances)
            return (told - apart_by_chance(rows, chances, noise)) / (1 + ROUNDING)

        return lambda table: np.array([max(self._tells(column, table), beside(column, table)) for column in columns])

    def _super_pairs(self, named: Sequence[Pair]) -> list[Pair]:
        """The super-parent with what depends on it: the related columns, and those that the codebook ties to it."""
        tied = [pair[pair[0] == self.super_parent] for pair in named if self.super_parent in pair]
        return [(column, self.super_parent) for column in dict.fromkeys((*self.related[1:], *tied))]

    def _choose_edges(self, named: Sequence[Pair], claimed: float) -> list[Pair]:
        """A forest of pairs: those that the codebook names, and those that surprise most, while any does.

        Of the budget that is left, other pairs claim as much as ``claimed`` pairs of columns would.
        """
        forest = _Forest(len(self.codings))
        edges = [pair for pair in named if self.super_parent not in pair and forest.join(*pair)]
        columns = np.array([column for column in self.others if column != self.super_parent])
        most = min(len(columns) - 1, self.most_edges) - len(edges)
        if most < 1:
            return edges
        choose, scale = self.ask.choose_in_turn(most, self._share("edges"))
        looked_at = min(1.0, LOOKED_AT / self.rows)
        noise = np.sqrt((claimed + most + len(edges)) / (2 * self._share("pairs")))
        first, second = (columns[side] for side in np.triu_indices(len(columns), 1))
        cells = np.array([len(shares) for shares in self.shares])
        unknown = np.array([np.sqrt(self._unknown(column)).sum() for column in range(len(cells))])
        surprise = Surprise(self.grids, self.shares, unknown, looked_at)
        costs = noise * np.outer(cells, cells) + np.minimum(unknown, unknown[:, None])
        penalty = self.conditioned * looked_at * np.sqrt(2 / np.pi) * costs / surprise.most
        for _ in range(most):
            unjoined = np.flatnonzero(forest.roots[first] != forest.roots[second])
            if not len(unjoined):
                break

            def score(table: CodedTable, of: npt.NDArray[np.int64] = unjoined) -> Array:
                gain = (surprise(table) - penalty)[first[of], second[of]]
                lifted = scale * np.log(len(of))  # so far noise lifts the best of equal scores
                return np.append(gain, lifted if self.conditioned else -self.rows)

            if (position := choose(score)) == len(unjoined):
                break
            pair = int(first[unjoined[position]]), int(second[unjoined[position]])
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

    def _count_pairs(self, pairs: Sequence[Pair], rho: float) -> float:
        """The shares of each pair, shape (codes, codes), as far as noise does not explain them; returns the noise.

        Of a pair with the target, whose shares are known, the other column's shares are counted too.
        """
        asked = {pair: residual for pair in pairs if (residual := self._two_way(pair)).weight}
        answers, noise = self.ask.count(list(asked.values()), rho) if asked else ([], 0.0)
        counts = dict(zip(asked, answers, strict=True))
        for pair in pairs:
            if pair in counts and pair[1] == self.root:
                self._agree(pair[0], counts[pair].sum(axis=1), noise * np.sqrt(len(self.shares[self.target])))
            expected = self._expected(pair)
            trends = [trend(self.codings[column], self.grids[column]) for column in pair]
            self.joint[pair] = shrink(counts.get(pair, expected), expected, noise, trends) / self.rows
        return noise

    def _agree(self, column: int, beyond: Array, noise: float) -> None:
        """The shares of ``column`` as both counts of it say, weighted by how little noise is in them.

        The second are ``beyond`` even ones, shape (codes,), with this ``noise``.
        """
        grid, shares = self.grids[column], self.shares[column]
        part = 1 / (1 + noise**2 / self._unknown(column))
        self.shares[column] = to_simplex((1 - part) * shares + part * (beyond / self.rows + 1 / len(shares)))
        self.fine[column] = self.fine[column] * (self.shares[column] / np.maximum(shares, 1e-12))[grid]

    def _unknown(self, column: int) -> Array:
        """The variance of the rows of each coarse code of ``column``, as it was counted by itself.

        Of noise, and of how the rows of a block are divided over several codes: in any way, with equal chances.
        """
        grid, block = self.grids[column], self.blocks[column]
        parts = np.zeros((grid.max() + 1, block.max() + 1))
        np.add.at(parts, (grid, block), 1 / np.bincount(block)[block])
        rows = self.rows * np.bincount(block, weights=self.fine[column])
        result: Array = (parts**2 * self.noise[column] ** 2 + parts * (1 - parts) * rows**2 / 3).sum(axis=1)
        return result

    def _weight(self, pairs: Sequence[Pair]) -> float:
        return sum(self._two_way(pair).weight for pair in pairs)

    def _two_way(self, pair: Pair) -> Residual:
        sizes = len(self.shares[pair[0]]), len(self.shares[pair[1]])
        return Residual(lambda table: self._count(pair, table), sizes, axes=(0,) if pair[1] == self.root else (0, 1))

    def _count(self, columns: tuple[int, ...], table: CodedTable) -> npt.NDArray[np.int64]:
        """The rows of each combination of coarse codes, shape (codes of the first, ..., codes of the last)."""
        sizes = [len(self.shares[column]) + 1 for column in columns]
        codes = [coarse(table.columns[column], self.grids[column]) for column in columns]
        counts = np.bincount(np.ravel_multi_index(codes, sizes), minlength=math.prod(sizes)).reshape(sizes)
        return counts[(slice(-1),) * len(sizes)]

    @property
    def _base(self) -> Array:
        """The shares of what columns depend on, shape (super-parent's codes, target's codes)."""
        if not self.conditioned:
            return np.ones((1, 1))
        known = (self.super_parent, self.target) in self.joint
        return self.joint[(self.super_parent, self.target)] if known else self.shares[self.target][None, :]

    def _expected(self, pair: Pair) -> Array:
        """The counts of ``pair`` if its columns were independent, given what they depend on as far as it is known."""
        first, second = pair
        if second == self.root:
            return self.rows * np.outer(self.shares[first], self.shares[second])
        given, base = self._given(first), self._base
        if second == self.super_parent:
            result: Array = self.rows * np.einsum("ht,hti->ih", base, given)
        else:
            result = self.rows * np.einsum("ht,hti,htj->ij", base, given, self._given(second))
        return result

    def _given(self, column: int) -> Array:
        """The shares of the codes of ``column`` given what it depends on, shape (*base.shape, codes)."""
        base, pairs = self._base, self._pairs_above(column)
        return rows_of(rake(base, pairs)) if pairs else np.tile(self.shares[column], (*base.shape, 1))

    def _pairs_above(self, column: int) -> dict[int, Array]:
        """The pairs of ``column`` with the target and the super-parent, by their axes in what it depends on."""
        above = {1: (column, self.root), 0: (column, self.super_parent)}
        return {axis: self.joint[pair].T for axis, pair in above.items() if pair in self.joint}

    def _steps(self, edges: Sequence[Pair]) -> Iterator[Step]:
        base, given = self._base, dict[int, Array]()
        roots = [self.target] * self.conditioned + self.related[:1]
        if self.conditioned:
            yield Step(self.target, (), self.shares[self.target])
        if self.related:
            yield Step(self.super_parent, (self.target,), base.T)
        for column, parent in _walk(len(self.codings), edges, roots):
            pairs, above, parents = self._pairs_above(column), base, [self.super_parent, self.target]
            if parent is not None:
                pair = self.joint.get((parent, column))
                pairs[2] = self.joint[(column, parent)].T if pair is None else pair
                above, parents = base[..., None] * given[parent], [*parents, parent]
            cube = rake(above, pairs) if pairs else np.multiply.outer(above, self.shares[column])
            given[column] = rows_of(cube.sum(axis=tuple(range(2, above.ndim))))
            unused = tuple(axis for axis in range(above.ndim) if axis not in pairs)
            yield Step(column, tuple(parents[axis] for axis in sorted(pairs)), cube.sum(axis=unused))

    def _tilts(self) -> Iterator[tuple[int, Array]]:
        """How the target changes the shares of bins within a coarse code: as a line through the codes' middles says."""
        for column in self.related:
            coding, grid = self.codings[column], self.grids[column]
            if not coding.is_ordered:
                continue
            fine = self.fine[column][: coding.values]
            grid = grid[: coding.values]
            middle = np.cumsum(fine) - fine / 2
            shares = np.bincount(grid, weights=fine)
            known = np.flatnonzero(shares > 0)
            if len(known) < 2:
                continue
            middles = np.bincount(grid, weights=fine * middle)[known] / shares[known]
            chances = rows_of(self.joint[(column, self.target)])[known]
            tilt = np.ones((chances.shape[1], coding.size))
            tilt[:, : coding.values] = [np.interp(middle, middles, chance) for chance in chances.T]
            yield column, tilt


class _Forest:
    """Which columns are joined already."""

    def __init__(self, count: int) -> None:
        self.roots = np.arange(count)

    def join(self, first: int, second: int) -> bool:
        """Join two; False when they are joined already."""
        one, other = self.roots[first], self.roots[second]
        self.roots[self.roots == other] = one
        return bool(one != other)


def _walk(count: int, edges: Sequence[Pair], left_out: Sequence[int]) -> Iterator[tuple[int, int | None]]:
    """Each column with its parent, parents first; the column of most edges begins its tree."""
    near: dict[int, list[int]] = {column: [] for column in range(count) if column not in left_out}
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


def _one_way(column: int, blocks: Grid) -> Residual:
    size = int(blocks.max()) + 1
    return Residual(
        lambda table: np.bincount(coarse(table.columns[column], blocks), minlength=size + 1)[:size], (size,)
    )
