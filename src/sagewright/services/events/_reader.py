"""The reader of the feed of changes that tells rules what happened to SageMaker's resources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sagewright.services.events._delivery import Deliveries
from sagewright.services.events._sagemaker import KINDS, SageMakerEvents
from sagewright.services.events._shared import rules
from sagewright.store.changes import ChangeRecord

NAME = "events"


@dataclass
class RuleReader:
    """Turns changes into events and delivers those that a rule matches.

    It sees each change at least once. An event's id follows from its change, a delivery's from the event, the rule and
    the target, and the token by which a pipeline is started from the delivery: what comes twice starts a pipeline once.
    """

    events: SageMakerEvents
    deliveries: Deliveries
    name: str = NAME
    kinds: frozenset[str] = frozenset(KINDS)

    def read(self, records: Sequence[ChangeRecord]) -> None:
        """Deliver what the changes are to the rules of their accounts and regions."""
        places: dict[tuple[str, str], list[ChangeRecord]] = {}
        for record in records:
            places.setdefault((record.account, record.region), []).append(record)
        for (account, region), theirs in places.items():
            listening = [
                rule
                for rule in rules(self.deliveries.resources, account, region)
                if rule.spec["State"] == "ENABLED" and rule.spec.get("EventPattern")
            ]
            if not listening:
                continue
            for event in self.events.of(theirs):
                self.deliveries.deliver(event, listening)
