"""Retry policies: which failure of a step each one is for, when the next attempt begins, and when there is none.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SERVICE_FAULT, THROTTLING = "Step.SERVICE_FAULT", "Step.THROTTLING"
INTERNAL_ERROR, CAPACITY_ERROR = "SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR"
RESOURCE_LIMIT = "SageMaker.RESOURCE_LIMIT"
EXCEPTION_TYPES = (SERVICE_FAULT, THROTTLING, INTERNAL_ERROR, CAPACITY_ERROR, RESOURCE_LIMIT, "Emr.RESOURCE_LIMIT")

LONGEST_INTERVAL, MOST_ATTEMPTS, LONGEST_EXPIRY = 43200, 20, 14400
_MEMBERS = frozenset({"ExceptionType", "IntervalSeconds", "BackoffRate", "MaxAttempts", "ExpireAfterMin"})

_OF_REFUSALS: Sequence[tuple[str, re.Pattern[str]]] = (
    (THROTTLING, re.compile(r"Throttl|TooManyRequests|RequestLimitExceeded", re.IGNORECASE)),
    (RESOURCE_LIMIT, re.compile(r"ResourceLimitExceeded")),
    (SERVICE_FAULT, re.compile(r"Internal(Failure|Error|Server)|ServiceUnavailable|ServiceFault")),
)
_OF_JOBS: Sequence[tuple[str, re.Pattern[str]]] = (
    (CAPACITY_ERROR, re.compile(r"CapacityError|insufficient capacity|Unable to provision requested", re.IGNORECASE)),
    (RESOURCE_LIMIT, re.compile(r"ResourceLimitExceeded")),
    (INTERNAL_ERROR, re.compile(r"InternalServerError|InternalServerException|internal error", re.IGNORECASE)),
)


@dataclass(frozen=True)
class Policy:
    """One policy. Of ``attempts`` (retries, not counting the first try) and ``expires_after`` (seconds) one is None."""

    exceptions: tuple[str, ...]
    interval: float = 1.0
    backoff: float = 2.0
    attempts: int | None = 5
    expires_after: float | None = None


AUTOMATIC = (Policy((SERVICE_FAULT,)), Policy((THROTTLING,)))
"""What holds for every step without being asked for; a step's own policies for the same failure come before."""


def parse(documents: Any) -> tuple[Policy, ...]:
    """Reads ``RetryPolicies``. Raises ``ValueError`` that names policy and member."""
    if documents is None:
        return ()
    if not isinstance(documents, list):
        raise ValueError("RetryPolicies has to be a list")
    return tuple(_policy(document, f"RetryPolicies[{position}]") for position, document in enumerate(documents))


def _policy(document: Any, where: str) -> Policy:
    if not isinstance(document, Mapping):
        raise ValueError(f"{where} has to be an object")
    unknown = sorted(set(document) - _MEMBERS)
    if unknown:
        raise ValueError(f"{where}: Cannot parse object, unknown property '{unknown[0]}'")
    types = document.get("ExceptionType")
    if not isinstance(types, list) or not types or any(each not in EXCEPTION_TYPES for each in types):
        raise ValueError(f"{where}.ExceptionType has to be a list of {', '.join(EXCEPTION_TYPES)}")
    attempts = _number(document, where, "MaxAttempts", (1, MOST_ATTEMPTS), whole=True)
    minutes = _number(document, where, "ExpireAfterMin", (1, LONGEST_EXPIRY), whole=True)
    if attempts is not None and minutes is not None:
        raise ValueError(f"{where} can have MaxAttempts or ExpireAfterMin, not both")
    interval = _number(document, where, "IntervalSeconds", (0, LONGEST_INTERVAL), whole=True)
    backoff = _number(document, where, "BackoffRate", (0, 1000), whole=False)
    return Policy(
        tuple(types),
        1.0 if interval is None else interval,
        2.0 if backoff is None else backoff,
        int(attempts) if attempts is not None else (5 if minutes is None else None),
        None if minutes is None else minutes * 60,
    )


def _number(
    document: Mapping[str, Any], where: str, member: str, bounds: tuple[int, int], *, whole: bool
) -> float | None:
    value = document.get(member)
    if value is None:
        return None
    low, high = bounds
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= high or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        raise ValueError(f"{where}.{member} has to be {kind} from {low} to {high}")
    return float(value)


def of_refusal(code: str) -> str | None:
    """The exception type of a refused call, by its error code; None for errors that a repetition cannot help."""
    return next((kind for kind, pattern in _OF_REFUSALS if pattern.search(code)), None)


def of_job(reason: str) -> str | None:
    """The exception type of a job that failed, by its FailureReason; None where the user's own code failed."""
    return next((kind for kind, pattern in _OF_JOBS if pattern.search(reason)), None)


def next_attempt(
    policies: Sequence[Policy], exception: str | None, earlier: Sequence[str], began: float, now: float
) -> float | None:
    """When the next attempt begins, as a time; None where the step has failed.

    ``earlier`` are the exception types that were retried before, in order: each policy counts its own. ``began`` is
    when the first attempt began.
    """
    policy = next((each for each in (*policies, *AUTOMATIC) if exception in each.exceptions), None)
    if policy is None:
        return None
    used = sum(each in policy.exceptions for each in earlier)
    if policy.attempts is not None and used >= policy.attempts:
        return None
    wait = min(policy.interval * policy.backoff**used, LONGEST_INTERVAL)
    if policy.expires_after is not None and now + wait > began + policy.expires_after:
        return None
    return now + wait
