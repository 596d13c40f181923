"""What tests of schedules and rules share: requests, and inner calls that are written down."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.kit.jobs import ROLE

from sagewright.core.errors import AwsError
from sagewright.engine.reconciler import Controller
from sagewright.engine.role_objects import WorkRole
from sagewright.services.events._delivery import DELIVERY, Courier, Deliveries
from sagewright.services.events._timer import RuleTimer
from sagewright.store.database import Database
from sagewright.store.metrics import MetricStore
from sagewright.store.resources import Resource, ResourceStore
from sagewright.testing.clock import FakeClock

PIPELINE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/nightly"
START = 1_704_067_200.0
"""2024-01-01T00:00:00Z"""
APPROVED = json.dumps({"detail": {"ModelApprovalStatus": ["Approved"]}})
SCHEDULER = "arn:aws:scheduler:us-east-1:123456789012"


def named(prefix: str = "s") -> str:
    """A name nobody has."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def schedule(name: str, **members: Any) -> dict[str, Any]:
    """A request for a schedule that does not come within the test's life."""
    return {
        "Name": name,
        "ScheduleExpression": "cron(0 3 * * ? 2199)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": PIPELINE, "RoleArn": ROLE},
        **members,
    }


def target(identifier: str = "1", **members: Any) -> dict[str, Any]:
    """A rule's target."""
    return {"Id": identifier, "Arn": PIPELINE, "RoleArn": ROLE, **members}


@dataclass
class WrittenCalls:
    """What would have been called; ``error`` is raised instead, or what ``answers`` has for the operation answered."""

    made: list[tuple[WorkRole, str, dict[str, Any]]] = field(default_factory=list)
    error: AwsError | None = None
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def call(
        self, caller: WorkRole, service: str, operation: str, request: dict[str, Any], *, parent: str | None = None
    ) -> dict[str, Any]:
        assert service == "sagemaker"
        self.made.append((caller, operation, request))
        if self.error is not None:
            raise self.error
        return self.answers.get(operation, {})

    @property
    def started(self) -> list[dict[str, Any]]:
        """The requests by which pipelines were started."""
        return [request for _, operation, request in self.made if operation == "StartPipelineExecution"]


class RuleBench:
    """A store, a clock, and the reconciler's side of rules and deliveries."""

    def __init__(self, database: Database) -> None:
        self.clock, self.calls = FakeClock(START), WrittenCalls()
        self.store = ResourceStore(database, self.clock)
        metrics = MetricStore(database, self.clock)
        self.deliveries = Deliveries(self.store, self.clock, metrics, lambda _: None)
        self.controllers: dict[str, Controller] = {
            "Rule": RuleTimer(self.clock, self.deliveries),
            DELIVERY: Courier(self.clock, self.calls, metrics),
        }

    def rule(self, name: str, *targets: dict[str, Any], **members: Any) -> Resource:
        wanted = [{"Id": "1", "Arn": PIPELINE, "RoleArn": "arn:role", **each} for each in targets or ({},)]
        spec = {"EventPattern": APPROVED, "State": "ENABLED", **members, "Targets": wanted}
        return self.store.create(
            account="1", region="us-east-1", kind="Rule", name=name, arn=f"arn:rule/{name}", spec=spec, due=START
        )

    def look(self) -> None:
        """Act as long as something is due."""
        for _ in range(50):
            due = [identifier for identifier, at in self.store.due(100) if at <= self.clock.now()]
            if not due:
                return
            for identifier in due:
                leased = self.store.lease("me", identifier, 10.0)
                assert leased is not None
                self.store.apply("me", leased, self.controllers[leased.kind].act(leased))
        raise AssertionError("something is due for ever")

    def left(self) -> int:
        return len(self.store.list("1", "us-east-1", DELIVERY))
