"""The reader of the feed of changes that tells rules what happened to SageMaker's resources."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.engine.calls import Calls
from sagewright.engine.feed import Reader
from sagewright.nouns.operations import Platform
from sagewright.nouns.reactions import reaction
from sagewright.services.events._delivery import Deliveries
from sagewright.services.events._sagemaker import KINDS, SageMakerEvents
from sagewright.services.events._shared import rules
from sagewright.store.changes import ChangeRecord

NAME = "events"


@reaction
def reader(platform: Platform, calls: Calls) -> Reader:
    """The reader of a server."""
    deliveries = Deliveries(platform.resources, platform.clock, platform.metrics, platform.hint)
    return Reader(NAME, RuleReader(SageMakerEvents(calls), deliveries).read, frozenset(KINDS))


@dataclass
class RuleReader:
    """Turns changes into events and delivers those that a rule matches.

    It sees each change at least once. An event's id follows from its change, a delivery's from the event, the rule and
    the target, and the token by which a pipeline is started from the delivery: what comes twice starts a pipeline once.
    """

    events: SageMakerEvents
    deliveries: Deliveries

    def read(self, record: ChangeRecord) -> None:
        """Deliver what a change is to the rules of its account and region."""
        listening = [
            rule
            for rule in rules(self.deliveries.resources, record.account, record.region)
            if rule.spec["State"] == "ENABLED" and rule.spec.get("EventPattern")
        ]
        if listening:
            for event in self.events.of(record):
                self.deliveries.deliver(event, listening)
