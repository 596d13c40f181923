"""Which failure is retried, when, and how often."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.domain.pipelines.retries import Policy, next_attempt, of_job, of_refusal, parse

CAPACITY, LIMIT, THROTTLING = "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT", "Step.THROTTLING"


def test_defaults() -> None:
    (policy,) = parse([{"ExceptionType": [CAPACITY]}])
    assert policy == Policy((CAPACITY,), 1.0, 2.0, 5, None)
    (policy,) = parse([{"ExceptionType": [CAPACITY], "ExpireAfterMin": 10}])
    assert (policy.attempts, policy.expires_after) == (None, 600)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"ExceptionType": []}, "ExceptionType"),
        ({"MaxAttempts": 21}, "MaxAttempts has to be a whole number from 1 to 20"),
        ({"MaxAttempts": 0}, "MaxAttempts"),
        ({"MaxAttempts": 1.5}, "MaxAttempts"),
        ({"MaxAttempts": True}, "MaxAttempts"),
        ({"ExpireAfterMin": 14401}, "ExpireAfterMin"),
        ({"IntervalSeconds": 43201}, "IntervalSeconds"),
        ({"BackoffRate": -1}, "BackoffRate"),
        ({"MaxAttempts": 1, "ExpireAfterMin": 1}, "not both"),
        ({"Other": 1}, "unknown property 'Other'"),
    ],
)
def test_wrong_policies_are_refused(members: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse([{"ExceptionType": [CAPACITY], **members}])


@pytest.mark.parametrize(
    ("policy", "exception", "earlier", "wait"),
    [
        (Policy((CAPACITY,), 2.0, 3.0, 3), CAPACITY, [], 2.0),
        (Policy((CAPACITY,), 2.0, 3.0, 3), CAPACITY, [CAPACITY], 6.0),
        (Policy((CAPACITY,), 2.0, 3.0, 3), CAPACITY, [CAPACITY] * 3, None),
        (Policy((CAPACITY,), 2.0, 3.0, 3), LIMIT, [], None),
        (Policy((CAPACITY, LIMIT), 2.0, 3.0, 2), LIMIT, [CAPACITY, THROTTLING], 6.0),
        (Policy((CAPACITY,), 43200.0, 10.0, 3), CAPACITY, [CAPACITY], 43200.0),
        (Policy((CAPACITY,), 50.0, 1.0, None, 100.0), CAPACITY, [CAPACITY] * 30, 50.0),
        (Policy((CAPACITY,), 51.0, 1.0, None, 100.0), CAPACITY, [], None),
        (Policy((CAPACITY,)), THROTTLING, [], 1.0),
        (Policy((THROTTLING,), 9.0), THROTTLING, [], 9.0),
        (Policy((CAPACITY,)), None, [], None),
    ],
)
def test_the_next_attempt(policy: Policy, exception: str | None, earlier: list[str], wait: float | None) -> None:
    """The first attempt began at 50, it is 100 now."""
    assert next_attempt((policy,), exception, earlier, 50.0, 100.0) == (None if wait is None else 100.0 + wait)


@pytest.mark.parametrize(
    ("reason", "exception"),
    [
        ("CapacityError: Unable to provision requested ML compute capacity.", CAPACITY),
        ("InternalServerError: We encountered an internal error.", "SageMaker.JOB_INTERNAL_ERROR"),
        ("ResourceLimitExceeded: no more", LIMIT),
        ("AlgorithmError: ExecuteUserScriptError", None),
        ("", None),
    ],
)
def test_failures_of_jobs(reason: str, exception: str | None) -> None:
    assert of_job(reason) == exception


def test_refusals() -> None:
    codes = (
        "ThrottlingException",
        "InternalFailure",
        "ServiceUnavailable",
        "ResourceLimitExceeded",
        "AccessDeniedException",
    )
    assert [of_refusal(code) for code in codes] == [
        THROTTLING,
        "Step.SERVICE_FAULT",
        "Step.SERVICE_FAULT",
        LIMIT,
        None,
    ]
