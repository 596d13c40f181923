"""The timer of a schedule: its row is due when it has to fire, and whoever holds the lease fires it.

Times that came due while no server ran are made up for once, by the newest, if that is no longer ago than the flexible
window or the MaximumEventAgeInSeconds of the target's retry policy (a day, unless said otherwise); older ones are
skipped. A pipeline that is to run every hour shall not run twenty times after a night without power.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagewright.core import Json
from sagewright.core.calendar import At, Rate, Schedule
from sagewright.core.clock import Clock
from sagewright.core.errors import AwsError
from sagewright.domain.rules.retries import RetryPolicy, newest
from sagewright.engine.calls import Calls
from sagewright.engine.lifecycle import STANDING, Lifecycle
from sagewright.engine.pipeline_starts import PipelineStart, start, token_of
from sagewright.engine.tools import Tools
from sagewright.store.metrics import MetricStore, Point
from sagewright.store.resources import Change, Resource

log = logging.getLogger(__name__)

LATE_SECONDS = 300.0
"""A StartDate or a one-time schedule may lie so far in the past."""
_TIMING = ("ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "EndDate", "State")
PRINCIPAL = "scheduler.amazonaws.com"
NAMESPACE = "AWS/Scheduler"


@dataclass
class Timer:
    """Fires schedules. Its notes are ``planned`` (a time or none), ``of`` (which timing), ``anchor`` and ``failed``."""

    clock: Clock
    calls: Calls
    metrics: MetricStore
    lifecycle: Lifecycle = STANDING

    @classmethod
    def of(cls, tools: Tools) -> Timer:
        return cls(tools.clock, tools.calls, tools.metrics)

    def act(self, resource: Resource) -> Change:
        """Plan the next time, or fire when it has come."""
        if resource.phase == "deleting":
            return Change(due=None, gone=True)
        now, timing = self.clock.now(), _timing(resource.spec)
        if resource.run.get("of") != timing:
            planned, anchor = _first(resource), resource.spec.get("StartDate", resource.modified)
            return Change(due=planned, run={"of": timing, "planned": planned, "anchor": anchor, "failed": None})
        planned = resource.run.get("planned")
        if planned is None:
            return Change(due=None)
        if now < planned:
            return Change(due=planned)
        return self._fire(resource, planned, now)

    def broken(self, resource: Resource, reason: str) -> Change:
        """Give this time up and wait for the next."""
        log.error("%s: %s", resource.arn, reason)
        return self._passed(resource, self.clock.now(), {"failed": None})

    def _fire(self, resource: Resource, planned: float, now: float) -> Change:
        schedule, anchor = _schedule(resource.spec), _anchor(resource)
        policy = RetryPolicy.of(resource.spec["Target"])
        window = resource.spec["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0) * 60.0
        moment = newest(schedule, planned, now, max(policy.age, window), anchor)
        if moment is None:
            log.warning("%s: no server ran at %s and in the time that was allowed", resource.arn, _iso(planned))
            self._count(resource, "InvocationDroppedCount", planned)
            return self._passed(resource, now, {"failed": None})
        failed = resource.run.get("failed") or {}
        attempts = (failed["attempts"] if failed.get("moment") == moment else 0) + 1
        caller = (resource.spec["Target"]["RoleArn"], PRINCIPAL)
        error = start(self.calls, resource, caller, _wanted(resource, moment, attempts))
        self._count(resource, "InvocationAttemptCount", now)
        if error is None:
            return self._passed(resource, now, {"failed": None})
        self._count(resource, "TargetErrorCount", now)
        again = policy.again(error, attempts, moment, now)
        if again is not None:
            return Change(due=again, run={"failed": {"moment": moment, "attempts": attempts}})
        self._drop(resource, moment, error)
        return self._passed(resource, now, {"failed": None})

    def _passed(self, resource: Resource, now: float, run: Mapping[str, Any]) -> Change:
        """The change after a time that was used or given up."""
        planned = _before_end(resource.spec, _schedule(resource.spec).next(now, _anchor(resource)))
        if planned is None and resource.spec["ActionAfterCompletion"] == "DELETE":
            return Change(due=now, phase="deleting", run=run)
        return Change(due=planned, run={**run, "planned": planned})

    def _drop(self, resource: Resource, moment: float, error: AwsError) -> None:
        target = resource.spec["Target"]["Arn"]
        log.warning("%s of %s did not start %s: %s: %s", resource.arn, _iso(moment), target, error.code, error.message)
        self._count(resource, "InvocationDroppedCount", moment)

    def _count(self, resource: Resource, name: str, at: float) -> None:
        point = Point.of(name, at, 1.0, (("ScheduleGroup", resource.name.partition("/")[0]),), f"{resource.id}{at}")
        self.metrics.put(resource.account, resource.region, NAMESPACE, [point])


def _timing(spec: Json) -> str:
    """What the times of a schedule depend on, as a short text."""
    document = json.dumps([spec.get(name) for name in _TIMING])
    return hashlib.sha256(document.encode()).hexdigest()[:16]


def _schedule(spec: Json) -> Schedule:
    return Schedule.parse(spec["ScheduleExpression"], spec["ScheduleExpressionTimezone"])


def _anchor(resource: Resource) -> float:
    """From when a rate is counted: the StartDate, else when the schedule got its timing."""
    return float(resource.run["anchor"])


def _first(resource: Resource) -> float | None:
    """The first time of a schedule as it was written last; None when it is disabled or over.

    A rate begins at its StartDate, and without one at once.
    """
    spec, since = resource.spec, resource.modified
    if spec["State"] != "ENABLED":
        return None
    schedule, begin = _schedule(spec), spec.get("StartDate", since)
    if isinstance(schedule, At):
        return schedule.next(since - LATE_SECONDS)
    if isinstance(schedule, Rate):
        earliest = begin if since - begin <= LATE_SECONDS else since
        return _before_end(spec, schedule.next(earliest - 0.001, begin))
    return _before_end(spec, schedule.next(max(since, begin - 0.001)))


def _before_end(spec: Json, moment: float | None) -> float | None:
    return None if moment is None or moment > spec.get("EndDate", moment) else moment


def _wanted(resource: Resource, moment: float, attempts: int) -> PipelineStart:
    """The start of the target's pipeline, with Scheduler's words in the parameters replaced."""
    target, token = resource.spec["Target"], token_of(resource.id, moment)
    words = {
        "<aws.scheduler.schedule-arn>": resource.arn,
        "<aws.scheduler.scheduled-time>": _iso(moment),
        "<aws.scheduler.execution-id>": token[:16],
        "<aws.scheduler.attempt-number>": str(attempts),
    }
    parameters = {}
    for each in target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", ()):
        value = each["Value"]
        for word, meaning in words.items():
            value = value.replace(word, meaning)
        parameters[each["Name"]] = value
    return PipelineStart(target["Arn"], parameters, token)


def _iso(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"
