"""The model of the private sample: what it learns of columns, and that nothing is paid for twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from participant_kit.challenge.codebook import Column
from participant_kit.organizer.synthesize.accountant import Accountant
from participant_kit.organizer.synthesize.coded import CodedTable
from participant_kit.organizer.synthesize.coding import Coding
from participant_kit.organizer.synthesize.learn import learn_tree
from participant_kit.organizer.synthesize.marginals import rake, shrink
from participant_kit.organizer.synthesize.relation import Surprise, apart, apart_by_chance
from participant_kit.organizer.synthesize.residual import Residual
from participant_kit.organizer.synthesize.tree import Tree

ROWS = 4000
Codes = np.ndarray[Any, Any]


def table(**columns: Codes) -> tuple[CodedTable, list[Coding]]:
    """Rows of codes, as categories of as many levels as there are."""
    codings = [
        Coding(name, Column(type="category", levels=[str(level) for level in range(int(codes.max()) + 1)]))
        for name, codes in columns.items()
    ]
    rows = len(next(iter(columns.values())))
    coins = np.random.default_rng(0).random(rows, dtype=np.float32)
    return CodedTable([codes.astype(np.uint16) for codes in columns.values()], coins), codings


def learn(rho: float = 1.0, **columns: Codes) -> tuple[Tree, list[Codes]]:
    """The model of ``columns``, of which the last is the target, and rows that it draws."""
    rows, codings = table(**columns)
    tree = learn_tree(Accountant(rows, rho), codings, len(codings) - 1, rows=len(rows))
    return tree, tree.draw(40_000, np.random.default_rng(1))


def test_a_residual_is_what_counts_say_beyond_their_means() -> None:
    rows, _ = table(a=np.array([0, 0, 1, 2]), b=np.array([0, 1, 1, 1]))
    both = Residual(lambda of: _crossed(of, (3, 2)), (3, 2), axes=(0, 1))
    counts = both.counts(rows)
    answer = both(rows).reshape(3, 2) / both.unit
    means = counts.mean(axis=0) + counts.mean(axis=1, keepdims=True) - counts.mean()
    assert answer == pytest.approx(counts - means)
    assert answer.sum(axis=0) == pytest.approx([0, 0])
    assert Residual(lambda of: np.array(len(of)), axes=())(rows).tolist() == [4]


@pytest.mark.parametrize("axes", [(), (0,), (1,), (0, 1)])
def test_each_row_moves_a_residual_by_just_what_it_says(axes: tuple[int, ...]) -> None:
    one = Residual(lambda of: _crossed(of, (3, 4)), (3, 4), axes)
    for a in range(3):
        for b in range(4):
            rows, _ = table(a=np.array([a]), b=np.array([b]))
            assert np.linalg.norm(one(rows)) == pytest.approx(one.moved)
            assert np.linalg.norm(one(rows)) <= one.moved
    assert one.weight == pytest.approx((one.moved / one.unit) ** 2)


def _crossed(rows: CodedTable, sizes: tuple[int, int]) -> Codes:
    return np.bincount(np.ravel_multi_index(rows.columns, sizes), minlength=sizes[0] * sizes[1]).reshape(sizes)


def test_what_is_counted_beyond_what_is_known_has_less_noise_for_the_same_budget() -> None:
    rows, _ = table(a=np.array([0, 1]), b=np.array([0, 1]))
    whole, beyond = (Residual(lambda of: _crossed(of, (2, 2)), (2, 2), axes) for axes in ((), (0, 1)))
    noise = [Accountant(rows, 0.1).count([one] * 5, 0.1)[1] for one in (whole, beyond)]
    assert noise[1] == pytest.approx(noise[0] / 2, rel=1e-3)


def test_a_column_that_tells_only_beside_the_super_parent_is_found_and_kept() -> None:
    random = np.random.default_rng(0)
    strong = random.integers(0, 4, ROWS)
    ill = (random.random(ROWS) < np.where(strong < 2, 0.15, 0.85)).astype(int)
    chances = np.where(strong < 2, 0.3, 0.7) + np.where(ill, -0.14, 0.14)
    beside = (random.random(ROWS) < chances).astype(int)
    noise = {f"n{number}": random.integers(0, 2, ROWS) for number in range(30)}
    assert abs(ill[beside == 1].mean() - ill[beside == 0].mean()) < 0.04
    tree, drawn = learn(strong=strong, beside=beside, **noise, ill=ill)
    assert [step.parents for step in tree.steps if step.column == 0] == [(len(tree.grids) - 1,)]
    for of in (drawn[0] < 2, drawn[0] >= 2):
        healthy, sick = (drawn[1][of & (drawn[-1] == code)].mean() for code in (0, 1))
        assert healthy - sick == pytest.approx(0.28, abs=0.08)


def test_columns_that_say_the_same_are_drawn_together_given_the_target() -> None:
    random = np.random.default_rng(0)
    a = random.integers(0, 3, ROWS)
    b, c = np.where(random.random(ROWS) < 0.95, a, random.integers(0, 3, ROWS)), random.integers(0, 3, ROWS)
    ill = (random.random(ROWS) < np.array([0.1, 0.4, 0.8])[a]).astype(int)
    _, drawn = learn(a=a, b=b, c=c, ill=ill)
    assert (drawn[0] == drawn[1]).mean() == pytest.approx((a == b).mean(), abs=0.03)
    assert drawn[3][drawn[0] == 2].mean() == pytest.approx(0.8, abs=0.05)
    assert abs((drawn[0] == drawn[2]).mean() - 1 / 3) < 0.05


def test_a_bin_follows_the_target_within_its_coarse_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("participant_kit.organizer.synthesize.learn.CODES", (4, 4))
    random = np.random.default_rng(0)
    age = random.integers(0, 64, ROWS)
    ill = (random.random(ROWS) < age / 64).astype(int)
    codings = [
        Coding("age", Column(type="integer", minimum=0, maximum=63)),
        Coding("ill", Column(type="category", levels=["0", "1"])),
    ]
    rows = CodedTable([age.astype(np.uint16), ill.astype(np.uint16)], np.zeros(ROWS, dtype=np.float32))
    tree = learn_tree(Accountant(rows, 0.05), codings, 1, rows=ROWS)
    drawn = tree.draw(40_000, random)
    code = tree.grids[0][drawn[0]]
    assert code.max() == 3
    for middle in (1, 2):
        inside = code == middle
        half = np.median(drawn[0][inside])
        assert drawn[1][inside & (drawn[0] > half)].mean() > drawn[1][inside & (drawn[0] < half)].mean()


def test_a_code_that_cuts_a_block_of_bins_takes_its_share_from_the_pairs() -> None:
    """All rows of a block are at its one end, which the count of blocks cannot tell."""
    random = np.random.default_rng(0)
    bins = np.where(random.random(ROWS) < 0.5, random.integers(0, 32, ROWS), random.integers(60, 64, ROWS))
    ill = (random.random(ROWS) < np.where(bins >= 60, 0.9, 0.1)).astype(int)
    codings = [
        Coding("bins", Column(type="integer", minimum=0, maximum=63)),
        Coding("ill", Column(type="category", levels=["0", "1"])),
    ]
    rows = CodedTable([bins.astype(np.uint16), ill.astype(np.uint16)], np.zeros(ROWS, dtype=np.float32))
    found = []
    for _ in range(5):
        tree = learn_tree(Accountant(rows, 0.01), codings, 1, rows=ROWS)
        codes = np.bincount(tree.grids[0], weights=tree.fine[0])
        real = np.bincount(tree.grids[0][bins], minlength=len(codes)) / ROWS
        found.append(np.abs(codes - real).sum() / 2)
    assert np.mean(found) < 0.08


def test_what_is_not_known_of_a_column_is_no_surprise() -> None:
    random = np.random.default_rng(0)
    rows, _ = table(a=random.integers(0, 2, ROWS), b=random.integers(0, 4, ROWS), c=random.integers(0, 2, ROWS))
    rows.columns[2][: ROWS // 2] = rows.columns[0][: ROWS // 2]
    grids = [np.arange(2), np.arange(4), np.arange(2)]
    wrong = [np.array([0.5, 0.5]), np.array([0.7, 0.1, 0.1, 0.1]), np.array([0.5, 0.5])]
    surprise = Surprise(grids, wrong, np.array([10.0, 900.0, 10.0]), 1.0)(rows)
    assert surprise[0, 2] > 0.45 * ROWS
    assert surprise[0, 1] < 0.05 * ROWS
    assert surprise == pytest.approx(surprise.T)


def test_rows_that_have_the_chances_are_about_as_far_apart_as_chance_says() -> None:
    random = np.random.default_rng(0)
    chances = np.array([0.2, 0.8])
    rows = np.array([[100.0], [300.0]])
    seen = [apart(np.array([random.multinomial(int(count), chances) for [count] in rows]), chances) for _ in range(400)]
    assert np.mean(seen) == pytest.approx(apart_by_chance(rows, chances), rel=0.1)


@pytest.mark.parametrize("cell", [0.0, 40.0])
def test_a_shrunk_pair_has_the_margins_that_are_known(cell: float) -> None:
    expected = np.outer([10.0, 60.0, 30.0], [0.3, 0.7])
    counts = expected + np.array([[cell, -cell], [-cell, cell], [0, 0]])
    pair = shrink(counts, expected, 5.0, [None, None])
    assert pair.sum(axis=0) == pytest.approx(expected.sum(axis=0))
    assert pair.sum(axis=1) == pytest.approx(expected.sum(axis=1))
    assert (pair >= 0).all()


@pytest.mark.parametrize("axes", [(0,), (1, 0), (2, 0, 1)])
def test_raked_shares_have_each_of_their_pairs(axes: tuple[int, ...]) -> None:
    real = np.random.default_rng(0).random((3, 2, 4, 5))
    real /= real.sum()
    others = {axis: tuple(other for other in range(3) if other != axis) for axis in axes}
    pairs = {axis: real.sum(axis=others[axis]) for axis in axes}
    raked = rake(real.sum(axis=3), pairs)
    assert raked.sum(axis=3) == pytest.approx(real.sum(axis=3), abs=1e-4)
    for axis, pair in pairs.items():
        assert raked.sum(axis=others[axis]) == pytest.approx(pair, abs=1e-4)
