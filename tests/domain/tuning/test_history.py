"""Which observations count as results."""

from __future__ import annotations

import math

import pytest

from sagewright.domain.tuning.history import Observation


@pytest.mark.parametrize(
    ("loss", "pending", "result"),
    [(1.0, False, 1.0), (1.0, True, None), (None, False, None), (math.nan, False, None), (math.inf, False, None)],
)
def test_a_result_is_a_number_of_a_job_that_ended(loss: float | None, pending: bool, result: float | None) -> None:
    assert Observation({}, loss, pending).result == result
