"""Work that makes work: children are made once, observed, and taken down with their parent."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagewright.core import Json
from sagewright.core.errors import AccessDeniedException
from sagewright.engine.lifecycle import RUN, STANDING, Lifecycle
from sagewright.engine.parents import Create, Decision, Delete, Observed, ParentController, ParentKind, Stop
from sagewright.store.resources import Change, Resource
from sagewright.testing.controllers import Family, ParentCase

WANTED, AT_ONCE = 4, 2


def decide(resource: Resource, observed: Observed) -> Decision:
    """Four children, two at a time; fails when one is refused or failed."""
    if observed.refused:
        (refusal, *_) = observed.refused.values()
        return Decision(Change(due=None, phase="failed", status={"FailureReason": refusal.message}))
    if resource.phase in ("pending", "starting"):
        following = {"pending": "starting", "starting": "running"}[resource.phase]
        return Decision(Change(due=observed.now, phase=following))
    ended = [child for child in observed.children if RUN.final(child.phase)]
    if any(child.phase == "failed" for child in ended):
        reason = "a child failed"
        return Decision(Change(due=None, phase="failed", status={"FailureReason": reason}))
    if resource.phase == "saving":
        return Decision(Change(due=None, phase="succeeded"))
    if len(ended) == WANTED:
        return Decision(Change(due=observed.now, phase="saving"))
    room = min(AT_ONCE - (len(observed.children) - len(ended)), WANTED - len(observed.children))
    first = len(observed.children)
    return Decision(Change(due=None, status={"Made": first + room}), [child(resource, first + n) for n in range(room)])


def child(resource: Resource, number: int) -> Create:
    name = f"{resource.name}-{number}"
    return Create("sagemaker", "CreateTrainingJob", {"TrainingJobName": name}, key=name)


class TestWindow(ParentCase):
    """The case holds a kind to what the module promises."""

    expected = frozenset(f"parent-{number}" for number in range(WANTED))

    def kind(self) -> ParentKind:
        return ParentKind(RUN, decide)


class Orders(ParentCase):
    """A family whose decisions a test writes down one by one."""

    def __init__(self, path: Path, lifecycle: Lifecycle = RUN, **options: bool) -> None:
        self._path, self._count = path, 0
        self.decisions: list[Decision] = []
        self.seen: list[Observed] = []
        self._kind = ParentKind(lifecycle, self._next, **options)

    def kind(self) -> ParentKind:
        return self._kind

    def _next(self, _resource: Resource, observed: Observed) -> Decision:
        self.seen.append(observed)
        return self.decisions.pop(0) if self.decisions else Decision(Change(due=None))


def begin(orders: Orders, *decisions: Decision) -> Family:
    orders.decisions = list(decisions)
    family = orders.family()
    family.act()
    return family


def waits(*given: Create | Stop | Delete, due: float | None = None) -> Decision:
    return Decision(Change(due=due), given)


def create(name: str, **more: str) -> Create:
    return Create("sagemaker", "CreateChild", {"ChildName": name}, **more)


def test_answers_and_refusals_are_in_the_next_decision_and_not_in_the_one_after(tmp_path: Path) -> None:
    orders = Orders(tmp_path)
    family = orders.family()
    family.stage.calls.refusals["AddTags"] = AccessDeniedException("no tags")
    tag = Create("sagemaker", "AddTags", {}, key="tag")
    orders.decisions = [waits(create("a", key="a"), tag, create("b"))]
    family.act()
    first, second, *_ = orders.seen
    assert (first.refused, first.answers, first.children) == ({}, {}, [])
    assert second.answers == {"a": {"ChildArn": "arn:aws:sagemaker:r:1:child/a"}}
    assert (second.refused["tag"].operation, second.refused["tag"].code) == ("AddTags", "AccessDeniedException")
    assert [each.name for each in second.children] == ["a", "b"]
    family.stage.resources.poke(family.parent().id)
    family.act()
    assert (orders.seen[-1].refused, orders.seen[-1].answers) == ({}, {})
    assert "orders" not in family.parent().run


def test_an_order_that_is_refused_again_and_again_does_not_spin(tmp_path: Path) -> None:
    orders = Orders(tmp_path)
    family = orders.family()
    family.stage.calls.refusals["CreateChild"] = AccessDeniedException("never")
    orders.decisions = [waits(create("a", key="a"))] * 3
    family.act()
    assert len(orders.seen) == 2
    due = family.parent().due
    assert due is not None
    assert due > family.stage.clock.now()


def test_a_name_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    orders = Orders(tmp_path)
    family = orders.family()
    family.stage.resources.create(account="1", region="r", kind="Child", name="a", arn="arn:theirs", spec={})
    orders.decisions = [waits(create("a", key="a"))]
    family.act()
    assert orders.seen[1].refused["a"].code == "ValidationException"
    assert family.children() == []


def test_children_are_stopped_and_deleted_by_order(tmp_path: Path) -> None:
    orders = Orders(tmp_path)
    family = begin(orders, waits(create("a"), create("b")))
    a, b = family.children()
    orders.decisions = [waits(Stop(a))]
    family.stage.resources.poke(family.parent().id)
    family.act()
    assert [each.wished for each in family.children()] == ["stopped", ""]
    family.end(family.children()[0])
    orders.decisions = [waits(Delete(family.children()[0]))]
    family.stage.resources.poke(family.parent().id)
    family.act()
    assert [each.name for each in family.children()] == [b.name]


def test_what_still_works_is_stopped_when_its_parent_fails(tmp_path: Path) -> None:
    orders = Orders(tmp_path)
    family = begin(orders, waits(create("a"), create("b")))
    orders.decisions = [Decision(Change(due=None, phase="failed"))]
    family.stage.resources.poke(family.parent().id)
    family.act()
    assert [each.wished for each in family.children()] == ["stopped", "stopped"]
    assert family.parent().due is None
    broken = family.controller.broken(family.parent(), "again")
    assert broken == Change(due=None)


def test_a_bug_fails_the_parent_and_stops_its_children(tmp_path: Path) -> None:
    orders = Orders(tmp_path)
    family = begin(orders, waits(create("a")))
    store = family.stage.resources
    store.poke(family.parent().id)
    leased = store.lease("case", family.parent().id, 10)
    assert leased is not None
    store.apply("case", leased, family.controller.broken(leased, "InternalServerError: boom"))
    family.act()
    assert family.parent().status["FailureReason"] == "InternalServerError: boom"
    assert family.children()[0].wished == "stopped"


@pytest.mark.parametrize("takes", [True, False])
def test_a_parent_that_is_deleted_takes_its_children_down_or_leaves_them(tmp_path: Path, takes: bool) -> None:
    orders = Orders(tmp_path, STANDING, deletes_children=takes)
    family = begin(orders, waits(create("a"), create("b"), Create("sagemaker", "CreateModel", {"ModelName": "m"})))
    family.end(family.children()[0])
    parent, store = family.parent(), family.stage.resources
    store.update(parent, wish=({"word": "gone"}, "deleting"), due=family.stage.clock.now())
    for _ in range(5):
        if store.by_id(parent.id) is None:
            break
        lease_and_act(family)
        working = [each for each in store.children(parent.id) if each.kind == "Child" and not RUN.final(each.phase)]
        for each in working[:1] if takes else ():
            assert each.wished in ("", "stopped")
            if each.wished:
                family._move(each, Change(due=None, phase="stopped"))
        family.stage.clock.pass_(2)
    assert store.by_id(parent.id) is None
    left = {each.name: each.wished for each in store.children(parent.id)}
    assert left == ({} if takes else {"a": "", "b": "stopped", "m": ""})


def lease_and_act(family: Family) -> None:
    parent, store = family.parent(), family.stage.resources
    leased = store.lease("case", parent.id, 10)
    if leased is not None:
        store.apply("case", leased, family.controller.act(leased))


def test_observe_reads_with_the_tools(tmp_path: Path) -> None:
    seen: list[Json] = []

    def observe(resource: Resource, children: object, tools: object) -> Json:
        return {"name": resource.name, "tools": tools, "children": children}

    def note(_resource: Resource, observed: Observed) -> Decision:
        seen.append(observed.facts)
        return Decision(Change(due=None))

    case = Orders(tmp_path)
    family = case.family()
    family.controller = ParentController(ParentKind(RUN, note, observe), family.stage)
    family.act()
    assert seen == [{"name": "parent", "tools": family.stage, "children": []}]
