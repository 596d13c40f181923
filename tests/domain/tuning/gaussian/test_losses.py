"""Losses made fit for the process."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.domain.tuning.gaussian.losses import bend, shape

LOSSES = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40).map(np.array)


@given(LOSSES)
def test_any_losses_become_numbers_in_the_same_order(losses: np.ndarray) -> None:
    shaped = shape(losses)
    assert np.isfinite(shaped).all()
    assert (np.diff(shaped[np.argsort(losses, kind="stable")]) >= -1e-9).all()


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=40, unique=True))
def test_units_do_not_matter(losses: list[float]) -> None:
    values = np.array(losses)
    assert np.allclose(shape(values), shape(values * 2.0**20), atol=1e-6)


def test_an_outlier_does_not_hide_the_others() -> None:
    shaped = shape(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 1e12]))
    assert shaped[4] - shaped[0] > 0.5


def test_constant_losses_are_zeros() -> None:
    assert not shape(np.full(5, 3.25)).any()
    assert not shape(np.zeros(5)).any()


@pytest.mark.parametrize("power", [-2.0, 0.0, 1e-12, 0.5, 1.0, 2.0])
def test_a_power_keeps_the_order_and_zero(power: float) -> None:
    bent = bend(np.array([-3.0, -1.0, 0.0, 1.0, 3.0]), power)
    assert (np.diff(bent) > 0).all()
    assert bent[2] == 0
