"""All that is learned of the private rows, and what it costs: OpenDP's noise behind OpenDP's privacy filter.

The guarantee is zero-concentrated differential privacy (Bun and Steinke, 2016) for adding or removing one person
with a bounded number of rows. The filter is fully adaptive (Whitehouse et al., 2023): it sums what each query costs,
and refuses the one that would pass the budget. No noise is drawn and no privacy loss is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import opendp.prelude as dp

from participant_kit.organizer.synthesize.coded import CodedTable
from participant_kit.organizer.synthesize.residual import Residual

Scores = npt.NDArray[np.float64]

dp.enable_features("contrib", "honest-but-curious")  # honest: the tests check the stability that is declared here

_DOMAIN = dp.user_domain("CodedTable", lambda value: isinstance(value, CodedTable))
_METRIC = dp.symmetric_distance()
_PRIVACY = dp.zero_concentrated_divergence()


def counting(residual: Residual) -> dp.Transformation:
    """``residual``, which a row moves by ``residual.moved`` at most, as a transformation with that stability."""
    cells = dp.vector_domain(dp.atom_domain(T="i64"))

    def stability(rows: int) -> float:
        return math.nextafter(rows * residual.moved, math.inf)

    return dp.t.make_user_transformation(_DOMAIN, _METRIC, cells, dp.l2_distance(T="f64"), residual, stability)


def scoring(score: Callable[[CodedTable], Scores]) -> dp.Transformation:
    """``score``, in whose answer each row moves no score by more than 1, as a transformation with that stability."""
    scores = dp.vector_domain(dp.atom_domain(T="f64", nan=False))
    return dp.t.make_user_transformation(_DOMAIN, _METRIC, scores, dp.linf_distance(T="f64"), score, float)


class Accountant:
    """Answers questions about ``table`` within ``rho``, for persons of at most ``rows`` rows each.

    ``spent`` is the rho of everything that was answered so far, as OpenDP counts it.
    """

    def __init__(self, table: CodedTable, rho: float, rows: int = 1) -> None:
        self.rho, self.spent, self._rows = rho, 0.0, rows
        self.filter = _filter(rho, rows)
        self._ask = self.filter(table)

    @property
    def cost(self) -> float:
        """The rho of whatever may be asked within the budget, as OpenDP maps it."""
        return float(privacy_of(self.filter, self._rows))

    @property
    def left(self) -> float:
        """The rho that is still there, but for what rounding may take."""
        return max((self.rho - self.spent) * (1 - 1e-9) - 1e-12, 0.0)

    def count(self, residuals: Sequence[Residual], rho: float) -> tuple[list[Scores], float]:
        """Each of ``residuals`` with discrete Gaussian noise, in rows, and the standard deviation of the noise.

        All of them together cost ``rho``, and have the same noise.
        """
        noise = _gaussian_scale(rho / sum(residual.weight for residual in residuals), self._rows)
        noisy = [counting(residual) >> dp.m.then_gaussian(noise * residual.unit) for residual in residuals]
        answers = self._release(dp.c.make_composition(noisy))
        return [
            np.asarray(answer, dtype=np.float64).reshape(residual.sizes) / residual.unit
            for residual, answer in zip(residuals, answers, strict=True)
        ], noise

    def choose(self, score: Callable[[CodedTable], Scores], count: int, rho: float) -> list[int]:
        """The positions of the ``count`` highest scores, the highest first, by noisy maximum for ``rho`` in all.

        Each row must move no score by more than 1.
        """
        scale = _noisy_top_scale(count, rho, self._rows)
        answer = self._release(_noisy_top(score, count, scale))
        return [int(position) for position in answer]

    def choose_in_turn(self, count: int, rho: float) -> tuple[Callable[[Callable[[CodedTable], Scores]], int], float]:
        """A function that gives the position of the highest score, by noisy maximum, and the scale of its noise.

        It may be asked ``count`` times, each time with other scores, in which each row moves none by more than 1. All
        turns cost ``rho``, whether they are taken or not.
        """
        turns = [rho / count] * count
        scale = _noisy_top_scale(1, turns[0], self._rows)
        ask = self._release(dp.c.make_adaptive_composition(_DOMAIN, _METRIC, _PRIVACY, d_in=self._rows, d_mids=turns))
        return lambda score: int(ask(_noisy_top(score, 1, scale))[0]), scale

    def _release(self, measurement: dp.Measurement) -> Any:
        answer = self._ask(measurement)
        self.spent = float(self._ask.privacy_loss(self._rows))
        return answer


@lru_cache
def _gaussian_scale(rho: float, rows: int) -> float:
    """The least noise that costs at most ``rho``, of an answer that a row moves by 1."""
    one = counting(Residual(lambda _: np.zeros((), dtype=np.int64), axes=()))
    return float(dp.binary_search_param(lambda scale: one >> dp.m.then_gaussian(scale), d_in=rows, d_out=rho, T=float))


@lru_cache
def _noisy_top_scale(count: int, rho: float, rows: int) -> float:
    return float(
        dp.binary_search_param(
            lambda scale: _noisy_top(lambda _: np.zeros(count), count, scale), d_in=rows, d_out=rho, T=float
        )
    )


def _noisy_top(score: Callable[[CodedTable], Scores], count: int, scale: float) -> dp.Measurement:
    return cast(dp.Measurement, scoring(score) >> dp.m.then_noisy_top_k(_PRIVACY, count, scale))


def _filter(rho: float, rows: int) -> dp.Measurement:
    return dp.c.make_privacy_filter(
        dp.c.make_fully_adaptive_composition(_DOMAIN, _METRIC, _PRIVACY), d_in=rows, d_out=rho
    )


def privacy_of(measurement: dp.Measurement, rows: int) -> Any:
    """What ``measurement`` costs for persons of ``rows`` rows, as OpenDP maps it."""
    return measurement.map(rows)  # type: ignore[no-untyped-call]


def epsilon_of(rho: float, delta: float) -> float:
    """The epsilon that goes with ``delta`` for everything within ``rho``, as OpenDP converts it."""
    fixed = dp.c.make_fix_delta(dp.c.make_zCDP_to_approxDP(_filter(rho, 1)), delta)
    return float(privacy_of(fixed, 1)[0])


def composed(rhos: Sequence[float]) -> float:
    """The rho of everything within each of ``rhos``, as OpenDP composes it."""
    return float(privacy_of(dp.c.make_adaptive_composition(_DOMAIN, _METRIC, _PRIVACY, d_in=1, d_mids=list(rhos)), 1))


@lru_cache
def rho_of(epsilon: float, delta: float) -> float:
    """The largest rho whose epsilon at ``delta`` is at most ``epsilon``."""
    return float(dp.binary_search(lambda rho: epsilon_of(rho, delta) <= epsilon, bounds=(1e-12, 100.0)))
