"""The timer of a rule that has a schedule: its row is due when an event of its own is."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from sagewright.core.calendar import Rate, Schedule
from sagewright.core.clock import Clock
from sagewright.domain.rules.retries import RetryPolicy, newest
from sagewright.engine.lifecycle import STANDING, Lifecycle
from sagewright.engine.tools import Tools
from sagewright.services.events._delivery import Deliveries, event_of
from sagewright.store.resources import Change, Resource

log = logging.getLogger(__name__)

SCHEDULED = "Scheduled Event"


@dataclass
class RuleTimer:
    """Makes the events of rules with schedules, in UTC. Missed times of a day are made up for once, by the newest."""

    clock: Clock
    deliveries: Deliveries
    lifecycle: Lifecycle = STANDING

    @classmethod
    def of(cls, tools: Tools) -> RuleTimer:
        return cls(tools.clock, Deliveries(tools.resources, tools.clock, tools.metrics, _nothing))

    def act(self, resource: Resource) -> Change:
        """Plan the next time, or make the event when it has come."""
        now, spec = self.clock.now(), resource.spec
        expression = spec.get("ScheduleExpression") if spec["State"] == "ENABLED" else None
        if not expression:
            return Change(due=None, run={"of": None, "planned": None, "anchor": None})
        schedule = Schedule.parse(expression)
        if resource.run.get("of") != expression:
            anchor = resource.modified if isinstance(schedule, Rate) else 0.0
            planned = schedule.next(resource.modified, anchor)
            return Change(due=planned, run={"of": expression, "planned": planned, "anchor": anchor})
        planned = resource.run.get("planned")
        if planned is None or now < planned:
            return Change(due=planned)
        moment = newest(schedule, planned, now, RetryPolicy.of({}).age, resource.run["anchor"])
        if moment is not None:
            self.deliveries.to_targets(resource, _event(resource, moment))
        return self._passed(resource, schedule, now)

    def broken(self, resource: Resource, reason: str) -> Change:
        """Give this time up and wait for the next."""
        log.error("%s: %s", resource.arn, reason)
        expression = resource.run.get("of")
        if not expression:
            return Change(due=None)
        return self._passed(resource, Schedule.parse(expression), self.clock.now())

    def _passed(self, resource: Resource, schedule: Schedule, now: float) -> Change:
        planned = schedule.next(now, resource.run["anchor"])
        return Change(due=planned, run={"planned": planned})


def _event(rule: Resource, moment: float) -> dict[str, object]:
    identifier = uuid.uuid5(uuid.NAMESPACE_URL, f"{rule.id} {moment}")
    place = (rule.account, rule.region)
    return event_of(str(identifier), "aws.events", SCHEDULED, {}, place=place, at=moment, resources=[rule.arn])


_nothing: Callable[[str], None] = lambda _identifier: None  # noqa: E731 - the reconciler's poll finds what is made
