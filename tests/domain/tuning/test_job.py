"""Names, seeds, results and histories of a tuning job."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from tests.kit.tuning import child, tuning_job

from sagewright.domain.tuning.history import Observation
from sagewright.domain.tuning.job import Goal, Phase, TuningJob, history


def test_names_of_children_are_derived() -> None:
    job = replace(tuning_job(), name="a" * 32)
    names = [job.child_name(number) for number in (1, 2, 750, 10_000)]
    assert all(re.fullmatch(r"a{32}-\d{3,5}-[0-9a-f]{8}", each) and len(each) <= 63 for each in names)
    assert names == [job.child_name(number) for number in (1, 2, 750, 10_000)]
    assert names[0][:36] == "a" * 32 + "-001"
    assert replace(job, identity="another").child_name(1) != names[0]


def test_a_name_says_what_it_was_made_of() -> None:
    job = replace(tuning_job(definitions=3), name="a-1")
    for number, definition in ((1, 0), (7, 2), (10_000, 1)):
        assert job.child_of(job.child_name(number, definition)) == (number, definition)
    for foreign in ("a-1", "a-1-001", "a-1-001-00000000", "b-001-" + job.child_name(1)[-8:], "a-1-x-y", "a-1--"):
        assert job.child_of(foreign) is None


def test_the_seed_is_the_users_else_the_jobs_own() -> None:
    job, seeded = tuning_job(), tuning_job(seed=7)
    assert job.seed(0) != replace(job, identity="another").seed(0)
    assert seeded.seed(0) == replace(seeded, identity="another").seed(0)
    assert seeded.seed(0) != seeded.seed(1)
    assert isinstance(seeded, TuningJob)


@pytest.mark.parametrize(
    ("phase", "objective", "result"),
    [
        (Phase.COMPLETED, 0.5, 0.5),
        (Phase.STOPPED, 0.5, 0.5),
        (Phase.FAILED, 0.5, None),
        (Phase.RUNNING, 0.5, None),
        (Phase.STOPPING, 0.5, None),
        (Phase.COMPLETED, None, None),
        (Phase.COMPLETED, math.nan, None),
    ],
)
def test_a_result_is_the_objective_of_a_job_that_ended(
    phase: Phase, objective: float | None, result: float | None
) -> None:
    assert child(1, phase, objective).result == result


def test_a_history_is_in_order_and_of_one_definition() -> None:
    plan = tuning_job(definitions=2, goal=Goal.MAXIMIZE).plan
    children = [
        child(3, Phase.RUNNING, 0.9),
        child(2, Phase.COMPLETED, 0.7, definition=1),
        child(1, Phase.COMPLETED, 0.5),
    ]
    assert history(plan, children, 0) == [
        Observation(children[2].point, -0.5),
        Observation(children[0].point, None, pending=True),
    ]
    assert history(plan, children, 1) == [Observation(children[1].point, -0.7)]
