"""The reconciler: everything due is acted on, once at a time; bugs in an act end in a failure that says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sagewright.core.clock import SystemClock
from sagewright.engine.lifecycle import RUN
from sagewright.engine.reconciler import Reconciler
from sagewright.store.database import Database
from sagewright.store.resources import Change, Resource, ResourceStore
from sagewright.store.schema import metadata


class Walker:
    """Walks every resource through RUN to its end; counts acts that overlap on one resource."""

    lifecycle = RUN
    path = ("pending", "starting", "running", "saving", "succeeded")

    def __init__(self) -> None:
        self.inside: set[str] = set()
        self.overlaps = 0
        self.acts: dict[str, int] = {}
        self.lock = threading.Lock()

    def act(self, resource: Resource) -> Change:
        with self.lock:
            self.overlaps += resource.id in self.inside
            self.inside.add(resource.id)
        self.acts[resource.id] = count = self.acts.get(resource.id, 0) + 1
        if resource.spec.get("raises") or (resource.spec.get("raises_in_turn") and count % 2):
            with self.lock:
                self.inside.discard(resource.id)
            raise ZeroDivisionError("boom")
        if resource.spec.get("raises_in_turn") and resource.phase == "starting":
            self.inside.discard(resource.id)
            return Change(due=0.0)
        position = self.path.index(resource.phase)
        with self.lock:
            self.inside.discard(resource.id)
        if resource.spec.get("jumps"):
            return Change(due=0.0, phase="succeeded")
        if position + 1 == len(self.path):
            return Change(due=None)
        return Change(due=0.0, phase=self.path[position + 1])

    def broken(self, resource: Resource, reason: str) -> Change:
        return Change(due=None, phase="failed", status={"FailureReason": reason})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResourceStore]:
    database = Database(f"sqlite:///{tmp_path / 'db'}")
    metadata.create_all(database.engine)
    yield ResourceStore(database, SystemClock())
    database.close()


def make(store: ResourceStore, name: str, **spec: object) -> Resource:
    return store.create(
        account="1", region="r", kind="K", name=name, arn=f"arn:{name}", spec=spec, phase="pending", due=0.0
    )


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


def phases(store: ResourceStore) -> set[str]:
    return {each.phase for each in store.list("1", "r", "K")}


def test_two_reconcilers_on_one_store_share_the_work_and_never_overlap(store: ResourceStore) -> None:
    for index in range(30):
        make(store, f"job-{index}")
    walker = Walker()
    both = [Reconciler(store, {"K": walker}, SystemClock()) for _ in range(2)]
    for each in both:
        each.start()
    eventually(lambda: phases(store) == {"succeeded"})
    for each in both:
        each.stop()
    assert walker.overlaps == 0


def test_an_act_that_raises_or_breaks_the_table_fails_the_resource(
    store: ResourceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagewright.engine.reconciler.ATTEMPTS", 2)
    raising, jumping, fine = make(store, "raising", raises=True), make(store, "jumping", jumps=True), make(store, "ok")
    reconciler = Reconciler(store, {"K": Walker()}, SystemClock())
    reconciler.start()
    eventually(lambda: phases(store) == {"succeeded", "failed"})
    reconciler.stop()
    reasons = {each.name: each.status.get("FailureReason", "") for each in store.list("1", "r", "K")}
    assert "ZeroDivisionError: boom" in reasons[raising.name]
    assert "cannot go from pending to succeeded" in reasons[jumping.name]
    assert reasons[fine.name] == ""


def test_acts_that_raise_and_end_well_in_turn_fail_the_resource_too(
    store: ResourceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagewright.engine.reconciler.ATTEMPTS", 3)
    made, walker = make(store, "in-turn", raises_in_turn=True), Walker()
    reconciler = Reconciler(store, {"K": walker}, SystemClock())
    reconciler.start()
    eventually(lambda: phases(store) == {"failed"})
    reconciler.stop()
    # One is forgotten as the phase changes; of three in the next phase the last is the end.
    assert walker.acts[made.id] == 7


def test_acts_that_raise_seldom_do_not_fail_the_resource(store: ResourceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.engine.reconciler.ATTEMPTS", 2)
    monkeypatch.setattr("sagewright.engine.reconciler.FORGET_SECONDS", 0.0)
    made, walker = make(store, "in-turn", raises_in_turn=True), Walker()
    reconciler = Reconciler(store, {"K": walker}, SystemClock())
    reconciler.start()
    eventually(lambda: walker.acts.get(made.id, 0) > 8)
    reconciler.stop()
    assert phases(store) == {"starting"}


def test_a_hint_is_acted_on_before_the_next_poll(store: ResourceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.engine.reconciler.POLL_SECONDS", 3600.0)
    reconciler = Reconciler(store, {"K": Walker()}, SystemClock())
    reconciler.start()
    made = make(store, "late")
    reconciler.hint(made.id)
    eventually(lambda: phases(store) == {"succeeded"})
    reconciler.stop()
