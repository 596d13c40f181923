"""The feed of changes: nothing happens to a resource that is not in it, and no reader misses a change."""

from __future__ import annotations

import pytest

from sagewright.store.changes import READ_SECONDS, ChangeLog, Position
from sagewright.store.database import Database
from sagewright.store.resources import AlreadyExists, Change, Resource, ResourceStore
from sagewright.testing.clock import FakeClock


class World:
    def __init__(self, database: Database) -> None:
        self.clock = FakeClock()
        self.database = database
        self.store = ResourceStore(database, self.clock)
        self.log = ChangeLog(database, self.clock)
        self.start = self.log.head()

    def make(self, name: str, kind: str = "K", **more: object) -> Resource:
        return self.store.create(
            account="1", region="r", kind=kind, name=name, arn=f"arn:{kind}/{name}", spec={}, **more
        )

    def said(self, after: Position | None = None) -> list[tuple[str, str, str, str]]:
        records = self.log.after(self.start if after is None else after, 100)
        return [(each.name, each.verb, each.before, each.after) for each in records]


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def test_each_write_is_recorded_as_callers_see_it(world: World) -> None:
    made = world.make("a", phase="pending", due=0.0)
    wished = world.store.update(made, wish=({"word": "stopped"}, "stopping"))
    world.store.update(wished, spec={"new": 1})
    leased = world.store.lease("one", made.id, 10)
    assert leased is not None
    world.store.apply("one", leased, Change(due=0.0, run={"note": 1}))
    leased = world.store.lease("one", made.id, 10)
    assert leased is not None
    world.store.apply("one", leased, Change(due=0.0, status={"Loss": 1}))
    leased = world.store.lease("one", made.id, 10)
    assert leased is not None
    stopped = world.store.apply("one", leased, Change(due=0.0, phase="stopped"))
    assert stopped is not None
    world.store.delete(stopped)
    world.store.delete(stopped)
    assert world.said() == [
        ("a", "created", "", "pending"),
        ("a", "moved", "pending", "stopping"),
        ("a", "updated", "stopping", "stopping"),
        ("a", "updated", "stopping", "stopping"),
        ("a", "moved", "stopping", "stopped"),
        ("a", "deleted", "stopped", ""),
    ], "the engine's own notes are nobody's business, and what is not there is not deleted"
    record = world.log.after(world.start, 1)[0]
    assert (record.account, record.region, record.kind, record.resource, record.arn) == (
        *("1", "r", "K"),
        made.id,
        made.arn,
    )


def test_what_did_not_happen_is_not_recorded(world: World) -> None:
    world.make("a")
    with pytest.raises(AlreadyExists):
        world.make("a")
    assert world.said() == [("a", "created", "", "ready")]


def test_work_that_is_gone_is_recorded(world: World) -> None:
    made = world.make("a", phase="deleting", due=0.0)
    leased = world.store.lease("one", made.id, 10)
    assert leased is not None
    world.store.apply("one", leased, Change(due=None, gone=True))
    assert world.said()[-1] == ("a", "deleted", "deleting", "")


def test_a_reader_gets_what_it_did_not_note_again(world: World) -> None:
    world.log.register("reader")
    for name in "abc":
        world.make(name)
    position = world.log.take("reader", "one", 10)
    assert position is not None
    assert [each[0] for each in world.said(position)] == ["a", "b", "c"]
    assert world.log.take("reader", "two", 10) is None, "one server at a time"
    world.clock.pass_(11)
    assert world.log.take("reader", "two", 10) == position, "the first was killed"
    first = world.log.after(position, 1)[0]
    assert not world.log.move("reader", "one", first.position)
    assert world.log.move("reader", "two", first.position)
    after = world.log.take("reader", "one", 10)
    assert after is not None
    assert [each[0] for each in world.said(after)] == ["b", "c"]
    world.log.register("reader")
    assert world.log.take("reader", "one", 10) == after
    assert world.log.take("nobody", "one", 10) is None


def test_a_reader_begins_at_what_is_to_come_or_at_what_is_kept(world: World) -> None:
    world.make("before")
    world.log.register("late")
    world.log.register("early", from_start=True)
    world.make("after")
    late, early = world.log.take("late", "one", 10), world.log.take("early", "one", 10)
    assert late is not None
    assert early is not None
    assert [each[0] for each in world.said(late)] == ["after"]
    assert [each[0] for each in world.said(early)][-2:] == ["before", "after"]
    assert world.log.after(early, 10, kinds=["L"]) == []


def test_only_what_all_have_read_is_pruned_and_order_goes_on(world: World) -> None:
    world.log.register("slow")
    for name in "ab":
        world.make(name)
    world.clock.pass_(READ_SECONDS + 1)
    assert world.log.prune() == 0, "not read yet"
    position = world.log.take("slow", "one", 10)
    assert position is not None
    last = world.log.after(position, 10)[-1]
    assert world.log.move("slow", "one", last.position)
    assert world.log.prune() == 1, "the newest stays"
    world.make("c")
    assert [each[0] for each in world.said(last.position)] == ["c"]
    world.clock.pass_(40 * 86_400.0)
    assert world.log.prune() == 1, "a reader that never comes does not fill the disk"
    world.log.forget("slow")
    world.log.wipe()
    assert world.said(Position()) == []


def test_a_transaction_that_commits_late_is_not_skipped(world: World) -> None:
    """PostgreSQL alone: the second of two writers commits first. SQLite has one writer."""
    if not world.database.shared:
        return
    late = world.database.engine.connect()
    held = late.begin()
    late.exec_driver_sql(
        "INSERT INTO changes (transaction_id, at, account, region, kind, resource, arn, name, verb, before, after) "
        "VALUES (txid_current(), 0, '1', 'r', 'K', 'i', 'a', 'late', 'created', '', 'ready')"
    )
    world.make("early")
    assert world.said() == [], "what lies behind an open transaction is not read yet"
    held.commit()
    late.close()
    assert [each[0] for each in world.said()] == ["late", "early"]


def test_a_cursor_restored_from_another_database_goes_on(world: World) -> None:
    """The transactions of that database may have come further than this one's."""
    world.make("old")
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE changes SET transaction_id = 4000000000000")
        seq = connection.exec_driver_sql("SELECT max(seq) FROM changes").scalar_one()
    world.log.register("reader")
    with world.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE cursors SET transaction_id = 4000000000000, seq = {seq}")
    world.make("new")
    position = world.log.take("reader", "one", 10)
    assert position is not None
    assert [each[0] for each in world.said(position)] == ["new"]
