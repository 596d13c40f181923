"""The optimiser."""

from __future__ import annotations

import numpy as np

from sagewright.domain.tuning.gaussian.minimum import Array, minimise


def test_it_walks_down_a_bent_valley() -> None:
    def valley(at: Array) -> tuple[float, Array]:
        x, y = at
        gradient = np.array([-20 * x * (y - x * x) - 2 * (1 - x), 10 * (y - x * x)])
        return float(5 * (y - x * x) ** 2 + (1 - x) ** 2), gradient

    value, at = minimise(valley, np.array([-1.2, 1.0]), 200)
    assert value < 1e-2
    assert np.allclose(at, 1, atol=0.1)


def test_it_stays_where_nothing_is_to_be_gained() -> None:
    value, at = minimise(lambda each: (float(each @ each), 2 * each), np.zeros(3), 10)
    assert value == 0
    assert not at.any()
