"""Deliveries: events that rules matched, on their way to targets. Each is a row, so none is lost or done twice."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sagewright.core import Json
from sagewright.core.clock import Clock
from sagewright.domain.rules import inputs, patterns
from sagewright.domain.rules.retries import RetryPolicy
from sagewright.engine.calls import Calls
from sagewright.engine.lifecycle import STANDING, Lifecycle
from sagewright.engine.pipeline_starts import PipelineStart, start, token_of
from sagewright.engine.tools import Tools
from sagewright.nouns.background import run_in_background
from sagewright.services.events._shared import rules
from sagewright.store.metrics import MetricStore, Point
from sagewright.store.resources import AlreadyExists, Change, Resource, ResourceStore

log = logging.getLogger(__name__)

DELIVERY = "EventDelivery"
PRINCIPAL = "events.amazonaws.com"
NAMESPACE = "AWS/Events"


def event_of(  # noqa: PLR0913 - an event has these members
    identifier: str,
    source: str,
    kind: str,
    detail: Json,
    *,
    place: tuple[str, str],
    at: float,
    resources: Sequence[str] = (),
) -> Json:
    """An event in AWS's envelope. ``place`` is account and region."""
    return {
        "version": "0",
        "id": identifier,
        "detail-type": kind,
        "source": source,
        "account": place[0],
        "time": iso(at),
        "region": place[1],
        "resources": list(resources),
        "detail": detail,
    }


def iso(at: float) -> str:
    """A time as events show it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


@lru_cache(maxsize=1024)
def _pattern(text: str) -> patterns.Fields:
    return patterns.parse(text)


@dataclass(frozen=True)
class Deliveries:
    """Makes a delivery for each target of each rule that matches an event."""

    resources: ResourceStore
    clock: Clock
    metrics: MetricStore
    hint: Callable[[str], None]

    def deliver(self, event: Json, among: Sequence[Resource] | None = None) -> int:
        """Deliver to the rules that match: ``among`` some, else those of the account and region. Returns how many."""
        made = 0
        for rule in rules(self.resources, event["account"], event["region"]) if among is None else among:
            text = rule.spec.get("EventPattern")
            if text and rule.spec["State"] == "ENABLED" and _pattern(text).matches(event):
                made += self.to_targets(rule, event)
        return made

    def to_targets(self, rule: Resource, event: Json) -> int:
        """Make the deliveries of an event to a rule's targets; those that exist are made already."""
        for target in rule.spec["Targets"]:
            name = token_of(rule.id, target["Id"], event["id"])
            try:
                made = self.resources.create(
                    account=rule.account,
                    region=rule.region,
                    kind=DELIVERY,
                    name=name,
                    arn=f"{rule.arn}/delivery/{name}",
                    spec=_delivery(rule, target, event, self.clock.now()),
                    due=self.clock.now(),
                )
            except AlreadyExists:
                continue
            self.hint(made.id)
        points = [Point.of(each, self.clock.now(), 1.0, _rule(rule.name), event["id"]) for each in ("TriggeredRules",)]
        self.metrics.put(rule.account, rule.region, NAMESPACE, points)
        return len(rule.spec["Targets"])


def _rule(name: str) -> tuple[tuple[str, str], ...]:
    return (("RuleName", name),)


def _delivery(rule: Resource, target: Json, event: Json, now: float) -> Json:
    about = {
        "aws.events.rule-arn": rule.arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event.ingestion-time": iso(now),
    }
    return {
        "Rule": rule.name,
        "RuleArn": rule.arn,
        "Target": {name: target[name] for name in ("Id", "Arn", "RetryPolicy") if name in target},
        "RoleArn": target.get("RoleArn", rule.spec.get("RoleArn", "")),
        "Parameters": parameters_of(target, event, about),
        "Event": {name: event[name] for name in ("id", "detail-type", "time")},
    }


def parameters_of(target: Json, event: Json, about: Mapping[str, str]) -> dict[str, str]:
    """The parameters of the pipeline that a target is.

    They are those of SageMakerPipelineParameters, where a value such as ``$.detail.name`` is a path into the event; and
    the members of the object that Input, InputPath or InputTransformer make.
    """
    given = inputs.payload(target, event, about) if any(way in target for way in inputs.WAYS) else {}
    found = {str(name): _text(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
    for each in target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", ()):
        value = each["Value"]
        found[each["Name"]] = _text(inputs.at(value, event)) if value.startswith("$.") else value
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@dataclass
class Courier:
    """Carries deliveries out: starts pipelines as the targets' roles, again where that may help."""

    clock: Clock
    calls: Calls
    metrics: MetricStore
    lifecycle: Lifecycle = STANDING

    @classmethod
    def of(cls, tools: Tools) -> Courier:
        return cls(tools.clock, tools.calls, tools.metrics)

    def act(self, resource: Resource) -> Change:
        """Start the pipeline."""
        now, spec = self.clock.now(), resource.spec
        if resource.phase == "deleting":
            return Change(due=None, gone=True)
        attempts = resource.run.get("attempts", 0) + 1
        wanted = PipelineStart(spec["Target"]["Arn"], spec["Parameters"], resource.name)
        error = start(self.calls, resource, (spec["RoleArn"], PRINCIPAL), wanted)
        self._count(resource, ["Invocations"], now)
        if error is None:
            return Change(due=now, phase="deleting")
        again = RetryPolicy.of(spec["Target"]).again(error, attempts, resource.created, now)
        if again is not None:
            return Change(due=again, run={"attempts": attempts})
        log.warning(
            "%s did not start %s for %s: %s: %s",
            *(spec["RuleArn"], spec["Target"]["Arn"], spec["Event"]["detail-type"], error.code, error.message),
        )
        self._count(resource, ["FailedInvocations"], now)
        return Change(due=now, phase="deleting")

    def broken(self, resource: Resource, reason: str) -> Change:
        """Drop the delivery."""
        log.error("%s: %s", resource.arn, reason)
        return Change(due=self.clock.now(), phase=None if resource.phase == "deleting" else "deleting")

    def _count(self, resource: Resource, names: Iterable[str], at: float) -> None:
        points = [Point.of(name, at, 1.0, _rule(resource.spec["Rule"]), f"{resource.id}{at}") for name in names]
        self.metrics.put(resource.account, resource.region, NAMESPACE, points)


run_in_background(DELIVERY, Courier.of)
