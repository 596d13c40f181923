"""The minimum of a smooth function of a few numbers, by BFGS: all that is needed here of scipy's 100 MB."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], tuple[float, Array]]
"""Gives value and gradient."""

LONGEST = 1.0
"""No coordinate moves by more than this in one step."""

ENOUGH = 1e-3
"""A step that gains less ends the search."""

SHORTENINGS = 8


def minimise(function: Function, start: Array, steps: int) -> tuple[float, Array]:
    """Walk down from ``start`` for at most ``steps`` steps; gives the lowest value and where it is."""
    at = start
    value, gradient = function(at)
    identity = np.eye(len(at))
    inverse = identity / max(float(np.linalg.norm(gradient)), 1.0)
    for _ in range(steps):
        direction = -inverse @ gradient
        direction /= max(float(np.abs(direction).max()) / LONGEST, 1.0)
        slope = float(gradient @ direction)
        found = _down(function, at, direction, value, slope)
        if found is None:
            break
        next_at, next_value, next_gradient = found
        moved, turned, gained = next_at - at, next_gradient - gradient, value - next_value
        at, value, gradient = next_at, next_value, next_gradient
        curved = float(moved @ turned)
        if curved > 1e-10:
            left = identity - np.outer(moved, turned) / curved
            inverse = left @ inverse @ left.T + np.outer(moved, moved) / curved
        if gained < ENOUGH:
            break
    return value, at


def _down(
    function: Function, at: Array, direction: Array, value: float, slope: float
) -> tuple[Array, float, Array] | None:
    """Shorten the step until it gains enough; None where no step does."""
    if slope > -ENOUGH / 10:
        return None
    length = 1.0
    for _ in range(SHORTENINGS):
        next_at = at + length * direction
        next_value, next_gradient = function(next_at)
        if next_value <= value + 1e-4 * length * slope:
            return next_at, next_value, next_gradient
        length *= 0.4
    return None
