"""The memory of permissions: what is kept, until when, and how much of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagewright.access import memory
from sagewright.access.memory import STALE_SECONDS, Memory
from sagewright.store.database import Database
from sagewright.store.resources import ResourceStore
from sagewright.store.schema import metadata
from sagewright.testing.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def resources(tmp_path: Path, clock: FakeClock) -> ResourceStore:
    database = Database(f"sqlite:///{tmp_path / 'db'}")
    metadata.create_all(database.engine)
    return ResourceStore(database, clock)


def test_a_value_holds_until_iam_changes_or_some_seconds(resources: ResourceStore, clock: FakeClock) -> None:
    kept, made = Memory[int](resources, clock), iter(range(9))
    assert [kept.of("a", lambda: next(made)) for _ in range(2)] == [0, 0]
    resources.create(account="1", region="global", kind="Role", name="r", arn="arn:aws:iam::1:role/r", spec={})
    assert kept.of("a", lambda: next(made)) == 1
    clock.pass_(STALE_SECONDS)
    assert kept.of("a", lambda: next(made)) == 2
    assert kept.get("b") is None


def test_a_full_memory_forgets(resources: ResourceStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MEMORY", 2)
    kept = Memory[int](resources, clock)
    for number in range(3):
        kept.put(number, kept.version(), number)
    assert [kept.get(number) for number in range(3)] == [None, None, 2]
