"""The controller of work that makes work: tuning jobs, executions of pipelines, schedules.

A kind **decides**: given the resource and what is observed of its children, it says what changes and which orders to
carry out. That is a pure function, and is tested as one. The controller **performs** the orders, and then the change
is written. A server may be killed in between, so an order may be performed twice: a child is found by its name, which
follows from the parent's, and ``decide`` must come to the same names from the same observations.

A child's move makes its parent due in the same transaction, so nothing here polls. Stop and delete travel down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

from sagewright.core import Json
from sagewright.core.clock import Clock
from sagewright.core.errors import AwsError
from sagewright.engine.calls import Calls
from sagewright.engine.lifecycle import RUN, Lifecycle
from sagewright.engine.role_objects import WorkRole
from sagewright.engine.run import REASON_LENGTH
from sagewright.store.resources import Change, Query, Resource, ResourceStore, Stale

REST_SECONDS = 1.0
"""How long a parent rests that gives an order again that was refused, or whose child cannot be deleted yet."""
_NOTES = "orders"


@dataclass(frozen=True, slots=True)
class Create:
    """Call an operation as the parent's role; what it makes is a child. ``key`` names a refusal or an answer."""

    service: str
    operation: str
    request: Json
    key: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a child that works. SageMaker does it itself, for what a role made must end whatever the role may do."""

    child: Resource


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a child; one that stands is taken down first. SageMaker does it itself."""

    child: Resource


Order: TypeAlias = Create | Stop | Delete


@dataclass(frozen=True, slots=True)
class Refusal:
    """An order that AWS's rules refused, in the act before."""

    operation: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What a decision is made of: the children, the oldest first, and how the orders of the act before went.

    ``refused`` and ``answers`` go by the orders' keys; without a key, by the operation. ``facts`` are what the kind's
    own ``observe`` found.
    """

    now: float
    children: Sequence[Resource]
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    answers: Mapping[str, Json] = field(default_factory=dict)
    facts: Any = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write, and what to do before it is written. ``due`` None waits for the children."""

    change: Change
    orders: Sequence[Order] = ()


class ParentTools(Protocol):
    """What of the engine's tools a parent needs."""

    @property
    def clock(self) -> Clock: ...
    @property
    def resources(self) -> ResourceStore: ...
    @property
    def calls(self) -> Calls: ...
    @property
    def lifecycles(self) -> Mapping[str, Lifecycle]: ...


def _observe_nothing(_resource: Resource, _children: Sequence[Resource], _tools: Any) -> None:
    """A kind that decides by its children alone."""


@dataclass(frozen=True, slots=True)
class ParentKind:
    """A kind's own part.

    ``decide`` is pure. ``observe`` reads what it needs beyond the children, with the engine's ``Tools``: metrics,
    objects. ``caller`` is who gives the orders. ``specs`` says whether the children's specs are needed, which are
    large. Children of a parent that is deleted go with it, or stay, as ``deletes_children`` says.
    """

    lifecycle: Lifecycle
    decide: Callable[[Resource, Observed], Decision]
    observe: Callable[[Resource, Sequence[Resource], Any], Any] = _observe_nothing
    caller: Callable[[Resource], WorkRole] = WorkRole.of
    specs: bool = True
    deletes_children: bool = False


class ParentController:
    """Acts on resources of one kind whose work is other resources."""

    def __init__(self, kind: ParentKind, tools: ParentTools) -> None:
        self._kind = kind
        self._tools = tools
        self.lifecycle = kind.lifecycle

    def act(self, resource: Resource) -> Change:
        now = self._tools.clock.now()
        query = Query(limit=1_000_000, descending=False, specs=self._kind.specs)
        children = self._tools.resources.children(resource.id, query)
        if self.lifecycle.final(resource.phase):
            self._stop(children)
            return Change(due=None)
        if resource.wished == "gone":
            return self._delete(resource, children, now)
        stopping = self.lifecycle is RUN and resource.wished == "stopped"
        if stopping and resource.phase != "stopping" and self.lifecycle.allows(resource.phase, "stopping"):
            return Change(due=now, phase="stopping")  # written first: the next act must know why children end
        return self._decide(resource, children, now)

    def broken(self, resource: Resource, reason: str) -> Change:
        if self.lifecycle.final(resource.phase):
            return Change(due=None)
        now = self._tools.clock.now()
        return Change(due=now, phase="failed", status={"FailureReason": reason[:REASON_LENGTH]})

    def _decide(self, resource: Resource, children: Sequence[Resource], now: float) -> Change:
        facts = self._kind.observe(resource, children, self._tools)
        decision = self._kind.decide(resource, _observed(resource, children, facts, now))
        if resource.phase == "stopping" and self.lifecycle is RUN:
            decision = self._stopping(decision, children)
        change = decision.change
        if change.phase is not None and self.lifecycle.final(change.phase):
            change = replace(change, due=now)  # the act after stops what still runs
        return self._perform(resource, decision.orders, change, now)

    def _stopping(self, decision: Decision, children: Sequence[Resource]) -> Decision:
        """Of a decision, what a parent may do that is being stopped: nothing new, and end when the children have."""
        if any(map(self._works, children)):
            self._stop(children)
            return Decision(replace(decision.change, phase=None, due=None))
        phase = "failed" if decision.change.phase == "failed" else "stopped"
        return Decision(replace(decision.change, phase=phase))

    def _delete(self, resource: Resource, children: Sequence[Resource], now: float) -> Change:
        """Take the children down, then go. A parent that leaves its children stops those that work."""
        if resource.phase != "deleting":
            return Change(due=now, phase="deleting")
        self._stop(children)
        if not self._kind.deletes_children:
            return Change(due=None, gone=True)
        for child in children:
            if not self._works(child):
                self._remove(child)
        left = self._tools.resources.children(resource.id, Query(limit=1, specs=False))
        return Change(due=now + REST_SECONDS, gone=not left)

    # --- orders --------------------------------------------------------------------------------------------------

    def _perform(self, resource: Resource, orders: Sequence[Order], change: Change, now: float) -> Change:
        """Carry the orders out, and note for the next decision what was refused and answered."""
        caller = self._kind.caller(resource)
        refused: Json = {}
        answers: Json = {}
        due = change.due if change.due is not None else float("inf")
        for order in orders:
            if isinstance(order, Stop):
                self._stop([order.child])
            elif isinstance(order, Delete):
                due = due if self._remove(order.child) else min(due, now + REST_SECONDS)
            else:
                key = order.key or order.operation
                try:
                    answer = self._tools.calls.call(
                        caller, order.service, order.operation, order.request, parent=resource.id
                    )
                    answers |= {key: answer} if order.key else {}
                except AwsError as error:
                    reason = {"operation": order.operation, "code": error.code, "message": error.message}
                    refused[key] = reason
        before: Json = resource.run.get(_NOTES, {})
        notes = {"refused": refused, "answers": answers} if refused or answers else None
        if notes is not None:
            again = bool(refused) and refused == before.get("refused")
            due = min(due, now + (REST_SECONDS if again else 0.0))
        run = {**change.run, _NOTES: notes} if notes is not None or before else change.run
        return replace(change, due=None if due == float("inf") else due, run=run)

    def _works(self, child: Resource) -> bool:
        """Whether a child is work that has not ended."""
        lifecycle = self._tools.lifecycles.get(child.kind)
        return lifecycle is RUN and not lifecycle.final(child.phase)

    def _stop(self, children: Sequence[Resource]) -> None:
        for child in children:
            if self._works(child) and child.wished != "stopped":
                self._wish(child, "stopped", "stopping")

    def _remove(self, child: Resource) -> bool:
        """Delete a child; False when that has to be tried again, after what its work left has been cleaned up."""
        lifecycle = self._tools.lifecycles.get(child.kind)
        if lifecycle is not None and lifecycle is not RUN:
            if child.wished != "gone":
                self._wish(child, "gone", "deleting")
            return True
        if lifecycle is RUN and child.due is not None:
            return False
        self._tools.resources.delete(child)
        return True

    def _wish(self, child: Resource, word: str, shown: str) -> None:
        """Write a wish as a user's call does. One that a user's write came before is written in the next act."""
        store = self._tools.resources
        current = store.by_id(child.id)
        if current is None:
            return
        try:
            store.update(current, wish=({"word": word}, shown), due=self._tools.clock.now())
        except Stale:
            if child.parent is not None:
                store.poke(child.parent)
            return
        store.hint(child.id)


def _observed(resource: Resource, children: Sequence[Resource], facts: Any, now: float) -> Observed:
    notes: Json = resource.run.get(_NOTES, {})
    refused = {key: Refusal(**reason) for key, reason in notes.get("refused", {}).items()}
    return Observed(now, children, refused, notes.get("answers", {}), facts)
