"""When a target is asked again, and what is made up for."""

from __future__ import annotations

import pytest

from sagewright.core.calendar import Schedule
from sagewright.core.errors import AwsError
from sagewright.domain.rules.retries import RetryPolicy, newest

OUTAGE = AwsError("later", code="ServiceUnavailable", status=503)
HOUR = 3600.0


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (OUTAGE, True),
        (AwsError("slow down", code="ThrottlingException"), True),
        (AwsError("full", code="ResourceLimitExceeded"), True),
        (AwsError("no", code="AccessDeniedException"), False),
        (AwsError("gone", code="ResourceNotFound"), False),
        (AwsError("not yet", code="NotImplemented", status=501), False),
    ],
)
def test_what_may_end_by_itself_is_asked_again(error: AwsError, asked: bool) -> None:
    assert (RetryPolicy.of({}).again(error, 1, 0.0, 0.0) is not None) is asked


def test_waits_grow_and_end_with_the_attempts_or_the_age() -> None:
    policy = RetryPolicy.of({"RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60}})
    assert [policy.again(OUTAGE, attempts, 0.0, 10.0) for attempts in (1, 2, 3, 4)] == [12.0, 14.0, 18.0, None]
    assert policy.again(OUTAGE, 3, 0.0, 55.0) is None
    assert RetryPolicy.of({}).again(OUTAGE, 100, 0.0, 0.0) == 300.0


def test_the_newest_time_is_made_up_for_unless_it_is_too_old() -> None:
    hourly = Schedule.parse("cron(0 * * * ? *)")
    assert newest(hourly, HOUR, HOUR, 60.0) == HOUR
    assert newest(hourly, HOUR, 5.5 * HOUR, 24 * HOUR) == 5 * HOUR
    assert newest(hourly, HOUR, 5.5 * HOUR, 60.0) is None
    assert newest(Schedule.parse("rate(1 minute)"), 0.0, 300 * 24 * HOUR + 5, 24 * HOUR, 0.0) == 300 * 24 * HOUR
    assert newest(Schedule.parse("at(1970-01-01T01:00:00)"), HOUR, 2 * HOUR, 24 * HOUR) == HOUR
