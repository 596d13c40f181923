"""Candidates and how promising they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.kit.tuning import MIXED

from sagewright.domain.tuning.gaussian.candidates import Codes, fill, log_improvement, promising
from sagewright.domain.tuning.gaussian.process import fit


def test_rows_stand_for_values_that_exist() -> None:
    codes, source = Codes(MIXED), np.random.default_rng(0)
    rows = codes.draw(fill(200, 5, source))
    for scale in (1.0, 0.01):
        rows = codes.move(rows, scale, source)
        for row in rows.tolist():
            again = MIXED.coordinates(MIXED.point(row))
            assert again[:3] == pytest.approx(row[:3])
            assert again[4] == row[4]


def test_a_moved_integer_moves_by_one_at_least() -> None:
    codes, source = Codes(MIXED), np.random.default_rng(0)
    rows = np.tile(codes.draw(np.full((1, 5), 0.5)), (200, 1))
    moved = codes.move(rows, 1e-6, source)
    depths = {MIXED.point(row)["depth"] for row in moved.tolist()}
    assert len(depths) == 3


def test_filling_is_even() -> None:
    rows = fill(64, 2, np.random.default_rng(5))
    cells = {(int(x * 4), int(y * 4)) for x, y in rows.tolist()}
    assert len(cells) == 16


@pytest.mark.parametrize(("mean", "best"), [(0.0, 0.5), (1.0, 0.0), (4.9, 0.0), (5.1, 0.0), (20.0, 0.0)])
def test_improvement_is_the_integral_that_it_stands_for(mean: float, best: float) -> None:
    def density(x: float) -> float:
        return math.exp(-0.5 * (x - mean) ** 2 + 0.5 * max(mean - best, 0) ** 2) / math.sqrt(2 * math.pi)

    steps = [best - (i + 0.5) * 1e-3 for i in range(12_000)]
    expected = math.log(sum((best - x) * density(x) * 1e-3 for x in steps)) - 0.5 * max(mean - best, 0) ** 2
    assert log_improvement(np.array([mean]), np.ones(1), best)[0] == pytest.approx(expected, abs=1e-2)


def test_the_most_promising_is_where_the_minimum_is() -> None:
    rows = np.random.default_rng(0).random((25, 2))
    posterior = fit(rows, np.square(rows - 0.3).sum(axis=1), np.array([False, False]))
    space = type(MIXED)(MIXED.parameters[:2])
    first = promising(posterior, Codes(space), rows[:5], np.random.default_rng(1))[0]
    assert first == pytest.approx([0.3, 0.3], abs=0.1)
