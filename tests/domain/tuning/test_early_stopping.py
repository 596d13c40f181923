"""The median rule."""

from __future__ import annotations

import math

import pytest

from sagewright.domain.tuning.early_stopping import should_stop

OTHERS = [[5.0, 3.0, 1.0], [6.0, 4.0, 2.0], [7.0, 5.0, 3.0], [8.0, 6.0, 4.0]]
"""Running averages at step 2: 4, 5, 6, 7 (median 5.5); at step 3: 3, 4, 5, 6 (median 4.5)."""


@pytest.mark.parametrize(
    ("curve", "others", "stop"),
    [
        ([9, 5.6], OTHERS, True),
        ([9, 5.5], OTHERS, False),
        ([9, 9, 4.4], OTHERS, False),
        ([1, 1, 4.6], OTHERS, True),
        ([], OTHERS, False),
        ([100.0], OTHERS, False),
        ([9, 9], OTHERS[:3], False),
        ([9, 9, 9, 9], OTHERS, False),
        ([9, 9], [*OTHERS[:3], [1.0]], False),
        ([9, 9], [*OTHERS[:3], [math.nan, 1.0]], False),
        ([9, math.nan], OTHERS, True),
        ([3, 3], [[3, 3]] * 4, False),
    ],
    ids=[
        "worse than the median", "as good as the median", "the last value counts", "though it began well",
        "nothing yet", "the first step is free", "too few others", "no other was there", "another is not there yet",
        "no numbers to compare with", "no number itself", "all the same",
    ],
)  # fmt: skip
def test_a_job_is_stopped_that_is_worse_than_half_of_the_others(
    curve: list[float], others: list[list[float]], stop: bool
) -> None:
    assert should_stop(curve, others) is stop
