"""What every kind must hold to whose work is other resources. Subclass ``ParentCase`` and say what the kind is.

The case lets each act be lost once, after its orders were carried out and before its change was written, as a server
that is killed loses it; it lets children end in every order; and it stops the parent after each act. Whatever happens,
no child is there twice, none is missing, and nothing works on when the parent has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from sagewright.core import Json
from sagewright.core.errors import AccessDeniedException, AwsError, ValidationException
from sagewright.engine.lifecycle import RUN, Lifecycle
from sagewright.engine.parents import ParentController, ParentKind
from sagewright.engine.role_objects import WorkRole
from sagewright.store.database import Database
from sagewright.store.resources import AlreadyExists, Change, Resource, ResourceStore
from sagewright.store.schema import metadata
from sagewright.testing.clock import FakeClock

MOST_ACTS = 1000
MOST_ORDERS = 200
"""How many orders of the children's ends are tried."""


class RecordedCalls:
    """Inner calls that make rows, and nothing else: ``CreateX`` makes a pending X, called by its member ``XName``."""

    def __init__(self, resources: ResourceStore) -> None:
        self._resources = resources
        self.called: list[str] = []
        self.refusals: dict[str, AwsError] = {}
        """What an operation is refused with."""

    def call(self, caller: WorkRole, service: str, operation: str, request: Json, *, parent: str | None = None) -> Json:
        self.called.append(operation)
        if operation in self.refusals:
            raise self.refusals[operation]
        kind = operation.removeprefix("Create")
        if kind == operation:
            return {}
        name = request[f"{kind}Name"]
        arn = f"arn:aws:{service}:{caller.region}:{caller.account}:{kind.lower()}/{name}"
        try:
            made = self._resources.create(
                account=caller.account,
                region=caller.region,
                kind=kind,
                name=name,
                arn=arn,
                spec=request,
                phase="pending",
                parent=parent,
            )
        except AlreadyExists as error:
            made = error.existing
            if parent is None or made.parent != parent:
                raise ValidationException(f"{arn} exists already") from None
        return {f"{kind}Arn": made.arn}


@dataclass
class Stage:
    """The tools of a parent, with a clock that the case moves."""

    clock: FakeClock
    resources: ResourceStore
    calls: RecordedCalls
    lifecycles: Mapping[str, Lifecycle]


@dataclass
class Family:
    """A parent and its children, moved act by act. Acts whose numbers are in ``lost`` are lost, once each."""

    stage: Stage
    controller: ParentController
    case: ParentCase
    lost: frozenset[int] = frozenset()
    acts: int = 0
    ends: list[str] = field(default_factory=list)

    def parent(self) -> Resource:
        (found,) = self.stage.resources.list("1", "r", "Parent")
        return found

    def children(self) -> Sequence[Resource]:
        return self.stage.resources.children(self.parent().id)

    def working(self) -> Sequence[Resource]:
        return [child for child in self.children() if child.phase not in ("succeeded", "stopped", "failed")]

    def act(self) -> None:
        """Act while the parent is due, losing what is to be lost."""
        while (due := self.parent().due) is not None and due <= self.stage.clock.now():
            assert self.acts < MOST_ACTS, "the parent acts on and on"
            self.acts += 1
            leased = self.stage.resources.lease("case", self.parent().id, 10)
            assert leased is not None
            change = self.controller.act(leased)
            if self.acts in self.lost:
                self.stage.resources.release("case")
                continue
            following = change.phase or leased.phase
            assert change.gone or self.controller.lifecycle.allows(leased.phase, following), (leased.phase, following)
            self.stage.resources.apply("case", leased, change)

    def end(self, child: Resource) -> None:
        """A child ends, as it was told to, or as the case says."""
        change = Change(due=None, phase="stopped") if child.wished == "stopped" else self.case.child_ends(child)
        self.ends.append(child.name)
        self._move(child, change)
        self.act()

    def _move(self, child: Resource, change: Change) -> None:
        fresh = self.stage.resources.by_id(child.id)
        assert fresh is not None
        self.stage.resources.update(fresh, due=self.stage.clock.now())
        leased = self.stage.resources.lease("case", child.id, 10)
        assert leased is not None
        assert self.stage.resources.apply("case", leased, change) is not None

    def run(self, choices: Sequence[int] = ()) -> list[int]:
        """Act and let children end until the parent has ended. Returns how many children could have ended each time.

        ``choices`` says which of them does, at first; later it is the oldest.
        """
        widths: list[int] = []
        self.act()
        for _ in range(MOST_ACTS):
            if self.controller.lifecycle.final(self.parent().phase):
                break
            working = self.working()
            if working:
                at = len(widths)
                widths.append(len(working))
                self.end(working[choices[at] if at < len(choices) else 0])
            else:
                assert self.parent().due is not None, "the parent waits for nobody"
                self.stage.clock.pass_(3600.0)
                self.act()
        return widths


class ParentCase:
    """The contract of a ``ParentKind`` of the lifecycle RUN."""

    spec: ClassVar[Json] = {}
    """The parent's request."""
    expected: frozenset[str] = frozenset()
    """The names of all children, when nothing goes wrong."""
    ends = "succeeded"
    """The parent's last phase, when nothing goes wrong."""

    def kind(self) -> ParentKind:
        """The kind under test."""
        raise NotImplementedError

    def child_ends(self, child: Resource) -> Change:  # noqa: ARG002 - for those who override it
        """How a child ends that nobody stops."""
        return Change(due=None, phase="succeeded")

    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self._path, self._count = tmp_path, 0

    def family(self, lost: frozenset[int] = frozenset()) -> Family:
        """A new parent in a database of its own."""
        self._count += 1
        database = Database(f"sqlite:///{self._path / str(self._count)}.db")
        metadata.create_all(database.engine)
        clock = FakeClock()
        resources = ResourceStore(database, clock)
        kinds = ("TrainingJob", "ProcessingJob", "TransformJob", "AutoMLJob", "Child")
        stage = Stage(clock, resources, RecordedCalls(resources), dict.fromkeys(kinds, RUN))
        resources.create(
            account="1",
            region="r",
            kind="Parent",
            name="parent",
            arn="arn:aws:sagemaker:r:1:parent/parent",
            spec={"RoleArn": "arn:aws:iam::1:role/R", **self.spec},
            phase="pending",
            due=clock.now(),
        )
        return Family(stage, ParentController(self.kind(), stage), self, lost)

    def hold(self, family: Family) -> None:
        """The children are those that are expected, each once, and nothing works on."""
        names = [child.name for child in family.children()]
        assert len(names) == len(set(names))
        assert set(names) == self.expected
        assert not family.working()
        assert family.parent().phase == self.ends

    def test_all_is_done(self) -> None:
        family = self.family()
        family.run()
        self.hold(family)

    def test_each_act_may_be_lost(self) -> None:
        whole = self.family()
        whole.run()
        for number in range(1, whole.acts + 1):
            family = self.family(lost=frozenset({number}))
            family.run()
            self.hold(family)

    def test_every_act_may_be_lost_once(self) -> None:
        family = self.family(lost=frozenset(range(1, MOST_ACTS, 2)))
        family.run()
        self.hold(family)

    def test_children_may_end_in_any_order(self) -> None:
        waiting: list[list[int]] = [[]]
        for tried in range(MOST_ORDERS):
            if not waiting:
                break
            choices = waiting.pop()
            family = self.family(lost=frozenset({1 + tried % 7}))
            widths = family.run(choices)
            self.hold(family)
            for at in range(len(choices), len(widths)):
                stem = [*choices, *([0] * (at - len(choices)))]
                waiting += [[*stem, other] for other in range(1, widths[at])]

    def test_a_stop_travels_down_whenever_it_comes(self) -> None:
        whole = self.family()
        whole.run()
        for ended in range(len(whole.ends)):
            family = self.family(lost=frozenset({ended + 2}))
            family.act()
            for _ in range(ended):
                family.end(family.working()[0])
            parent = family.parent()
            if family.controller.lifecycle.final(parent.phase):
                continue
            family.stage.resources.update(parent, wish=({"word": "stopped"}, "stopping"), due=family.stage.clock.now())
            before = {child.name for child in family.children()}
            family.run()
            assert family.parent().phase == "stopped"
            assert {child.name for child in family.children()} == before, "a parent that stops begins nothing"
            assert not family.working()

    def test_a_role_that_may_nothing_ends_it(self) -> None:
        family = self.family()
        for operation in set(self._called()):
            family.stage.calls.refusals[operation] = AccessDeniedException("User: R is not authorized")
        family.run()
        assert family.parent().phase == "failed"
        assert "not authorized" in family.parent().status.get("FailureReason", "")
        assert not family.children()

    def _called(self) -> list[str]:
        family = self.family()
        family.run()
        return family.stage.calls.called
