"""Readers of the feed are called with every change, whatever fails, and begin again where they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sagewright.engine.feed import ATTEMPTS, BATCH, Feed, Reader
from sagewright.store.changes import ChangeLog, ChangeRecord
from sagewright.store.database import Database
from sagewright.store.resources import ResourceStore
from sagewright.store.schema import metadata
from sagewright.testing.clock import FakeClock


class World:
    def __init__(self, database: Database) -> None:
        self.clock = FakeClock()
        self.store, self.changes = ResourceStore(database, self.clock), ChangeLog(database, self.clock)
        self.got: list[str] = []

    def make(self, name: str, kind: str = "Model") -> None:
        self.store.create(account="1", region="r", kind=kind, name=name, arn=f"arn:{kind}/{name}", spec={})

    def note(self, record: ChangeRecord) -> None:
        self.got.append(f"{record.verb} {record.name}")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database(f"sqlite:///{tmp_path / 'db'}")
    metadata.create_all(database.engine)
    yield World(database)
    database.close()


def test_a_reader_gets_the_changes_of_its_kinds_from_now_on(world: World) -> None:
    world.make("before")
    feed = Feed(world.changes, [Reader("reader", world.note, frozenset({"Model"}))])
    feed.read()
    world.make("a")
    world.make("b", kind="Role")
    feed.read()
    feed.read()
    assert world.got == ["created a"]
    for number in range(BATCH + 5):
        world.make(f"n{number}")
    feed.read()
    assert len(world.got) == BATCH + 6


def test_the_next_server_goes_on_where_the_last_one_was(world: World) -> None:
    reader = Reader("reader", world.note, from_start=True)
    world.make("a")
    Feed(world.changes, [reader]).read()
    world.make("b")
    Feed(world.changes, [reader]).read()
    assert world.got == ["created a", "created b"]


def test_servers_take_turns(world: World) -> None:
    world.make("a")
    inner: list[list[str]] = []

    def look(record: ChangeRecord) -> None:
        world.note(record)
        other.read()
        inner.append([*world.got])

    other = Feed(world.changes, [Reader("reader", world.note)])
    Feed(world.changes, [Reader("reader", look, from_start=True)]).read()
    assert inner == [["created a"]], "while one reads, another does not"
    world.make("b")
    other.read()
    assert world.got == ["created a", "created b"]


def test_a_change_that_cannot_be_read_is_tried_again_and_then_passed_over(world: World) -> None:
    tries = 0

    def stumble(record: ChangeRecord) -> None:
        nonlocal tries
        if record.name == "bad":
            tries += 1
            raise ValueError("no")
        world.note(record)

    feed = Feed(world.changes, [Reader("bad", stumble, from_start=True), Reader("good", world.note, from_start=True)])
    for name in ("a", "bad", "c"):
        world.make(name)
    feed.read()
    assert world.got == ["created a", "created a", "created bad", "created c"], "one reader does not hold up another"
    for _ in range(ATTEMPTS):
        feed.read()
    assert tries == ATTEMPTS
    assert world.got[-1] == "created c"
    assert world.got.count("created a") == 2, "what was read is not read again"


def test_a_feed_that_nobody_reads_costs_nothing(world: World) -> None:
    world.make("a")
    Feed(world.changes, []).read()
    assert world.changes.take("reader", "x", 1) is None
