"""Counters and the best training job."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tests.kit.tuning import child, tuning_job

from sagewright.domain.tuning.counters import Counters, best, count
from sagewright.domain.tuning.job import Goal, Phase

CHILDREN = [
    child(1, Phase.COMPLETED, 0.5),
    child(2, Phase.COMPLETED, None),
    child(3, Phase.COMPLETED, math.nan),
    child(4, Phase.STOPPED, 0.2),
    child(5, Phase.STOPPED),
    child(6, Phase.FAILED, 0.1),
    replace(child(7, Phase.FAILED), retryable=True),
    child(8, Phase.RUNNING, 0.05),
    child(9, Phase.STOPPING),
    child(10, Phase.COMPLETED, 0.5),
]


def test_each_training_job_is_counted_once_by_status_and_once_by_objective() -> None:
    assert count(CHILDREN) == Counters(
        completed=4,
        in_progress=2,
        retryable_error=1,
        non_retryable_error=1,
        stopped=2,
        objective_succeeded=3,
        objective_pending=2,
        objective_failed=5,
    )
    assert count([]) == Counters()


@pytest.mark.parametrize(("goal", "number"), [(Goal.MINIMIZE, 4), (Goal.MAXIMIZE, 1)])
def test_the_best_is_the_earliest_with_the_best_result(goal: Goal, number: int) -> None:
    found = best(tuning_job(goal=goal).plan, CHILDREN)
    assert found is not None
    assert found.number == number


def test_without_a_result_none_is_best() -> None:
    assert best(tuning_job().plan, [CHILDREN[1], CHILDREN[5], CHILDREN[7]]) is None
