"""The completion criteria."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.domain.tuning.completion import Criteria, Progress, progress, reason


@pytest.mark.parametrize(
    ("losses", "idle"),
    [
        ([], 0),
        ([1.0], 0),
        ([1.0, 1.0, 1.0], 2),
        ([1.0, 0.995, 0.985], 0),
        ([1.0, 0.995, 0.991], 2),
        ([-1.0, -1.005, -1.02, -1.02], 1),
        ([0.0, -1e-9], 0),
        ([math.nan, 1.0, math.nan], 1),
        ([math.nan, math.nan], 2),
    ],
)
def test_results_that_do_not_improve_the_best_by_a_hundredth_are_counted(losses: list[float], idle: int) -> None:
    assert progress(losses, Criteria()).not_improving == idle


@pytest.mark.parametrize(
    ("losses", "converged"),
    [
        ([1.0] * 19, None),
        ([1.0] * 20, 19),
        ([float(20 - i) for i in range(18)] + [3.0] * 18, 35),
        ([float(100 - i) for i in range(100)], None),
        ([math.nan] * 50, None),
    ],
)
def test_a_search_has_converged_when_its_second_half_brought_nothing(
    losses: list[float], converged: int | None
) -> None:
    assert progress(losses, Criteria()).converged == converged


def test_once_converged_stays_converged() -> None:
    assert progress([1.0] * 30 + [0.1], Criteria(not_improving=5)) == Progress(0, None, 5, 19)


def test_the_first_result_that_is_good_enough_reaches_the_target() -> None:
    assert progress([3.0, 2.0, 1.0, 0.5], Criteria(target=1.0)).reached == 2
    assert progress([3.0, math.nan, -math.inf], Criteria(target=1.0)).reached is None


@given(st.lists(st.floats(allow_nan=True), max_size=60), st.floats(-10, 10))
def test_progress_only_looks_back(losses: list[float], target: float) -> None:
    criteria = Criteria(target, 3, True)
    whole, part = progress(losses, criteria), progress(losses[:-1], criteria)
    assert part.reached is None or whole.reached == part.reached
    assert part.idled is None or whole.idled == part.idled
    assert part.converged is None or whole.converged == part.converged
    assert whole.not_improving in (0, part.not_improving + 1)


@pytest.mark.parametrize(
    ("criteria", "seen", "word"),
    [
        (Criteria(), Progress(100, converged=20), None),
        (Criteria(target=1.0), Progress(0, reached=3), "target"),
        (Criteria(not_improving=3), Progress(2), None),
        (Criteria(not_improving=3), Progress(3, idled=7), "3 training jobs in a row"),
        (Criteria(on_convergence=True), Progress(30, converged=25), "converged"),
        (Criteria(on_convergence=True), Progress(30), None),
    ],
)
def test_the_criterion_that_is_met_is_named(criteria: Criteria, seen: Progress, word: str | None) -> None:
    found = reason(criteria, seen)
    assert found is None if word is None else word in str(found)
