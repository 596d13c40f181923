"""When a target is asked again: the retry policies of schedules and rules, and what came due while nobody looked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagewright.core.calendar import Schedule
from sagewright.core.errors import AwsError

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 300.0
DEFAULTS: Mapping[str, Any] = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
"""AWS's own, and its limits."""
THROTTLED = ("ThrottlingException", "Throttling", "TooManyRequestsException", "ResourceLimitExceeded")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """For how many seconds, and how often again, a target is asked."""

    age: float
    attempts: int

    @classmethod
    def of(cls, target: Mapping[str, Any]) -> RetryPolicy:
        """The policy of a target as a request describes it."""
        policy = {**DEFAULTS, **target.get("RetryPolicy", {})}
        return cls(float(policy["MaximumEventAgeInSeconds"]), int(policy["MaximumRetryAttempts"]))

    def again(self, error: AwsError, attempts: int, since: float, now: float) -> float | None:
        """When to ask again after so many attempts that failed; None: never.

        Only what may end by itself is asked again: an outage or a limit, not a pipeline that is gone or a role that
        may not start it.
        """
        if (error.status < 500 and error.code not in THROTTLED) or error.status == 501:
            return None
        at = now + min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(attempts, 20))
        return at if attempts <= self.attempts and at - since <= self.age else None


def newest(
    schedule: Schedule, planned: float, now: float, tolerance: float, start: float | None = None
) -> float | None:
    """The newest time of a schedule from ``planned`` to ``now``; None when it is more than ``tolerance`` seconds ago.

    Times that came due while no server ran are made up for once, by the newest of them.
    """
    moment: float | None = planned
    if now - planned > tolerance:
        moment = schedule.next(now - tolerance - 0.001, start)
    found = None
    while moment is not None and moment <= now:
        found = moment
        moment = schedule.next(moment, start)
    return found
