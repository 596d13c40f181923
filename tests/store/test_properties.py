"""Indexed properties: what changed is seen; searches and writers at once, a build that is killed, bounds."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.kit.things import SCOPE, Things, extract

from sagewright.store import properties as module
from sagewright.store.database import Database
from sagewright.store.pages import Query
from sagewright.store.properties import Source, Value
from sagewright.store.property_search import Has, Match
from sagewright.store.resources import Change
from sagewright.store.schema import indexed_properties, property_values


@pytest.fixture
def things(database: Database) -> Things:
    return Things(database)


def test_every_change_is_seen(things: Things) -> None:
    assert things.having("x", "new") == ""
    first = things.add("a", x="new")
    assert things.having("x", "new") == "a"
    first = things.resources.update(first, spec={"x": "newer"})
    assert things.having("x", "new") == ""
    assert things.having("x", "newer") == "a"
    leased = things.resources.lease("me", first.id, 60)
    assert leased is not None
    things.resources.apply("me", leased, Change(due=None, status={"s": "done"}))
    assert things.having("s", "done") == "a"
    things.tags.add(first.arn, {"team": "red"}, 50)
    assert things.having("team", "red") == "a"
    things.tags.remove(first.arn, ["team"])
    assert things.having("team", "red") == ""
    things.resources.delete(first)
    assert things.having("x", "newer") == ""
    with things.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(property_values)).scalar_one() == 0


def test_a_list_filters_by_a_property(things: Things) -> None:
    for number in range(6):
        things.add(f"t{number}", group=f"g{number % 2}", n=number)
    ids = things.store.ready(things.source, ["group", "n"])
    query = Query(properties=((ids["group"], Match("equals", "g1")),), order="name", limit=2)
    assert [each.name for each in things.resources.list(*SCOPE, query)] == ["t5", "t3"]
    query = Query(properties=((ids["group"], Match("equals", "g1")), (ids["n"], Match("equals", "3", 3.0))))
    assert [each.name for each in things.resources.list(*SCOPE, query)] == ["t3"]


class Killed(BaseException):
    """What ends a build in its midst."""


def test_a_build_that_was_killed_goes_on(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    made = [things.add(f"t{number}", x=number % 2) for number in range(10)]
    calls = 0

    def dying(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 5:
            raise Killed
        return extract(*arguments)

    with pytest.raises(Killed):
        things.store.ready(Source(SCOPE, dying, "1"), ["x"])
    things.resources.update(made[0], spec={"x": 1})
    things.resources.delete(made[1])
    things.add("t00", x=1)
    assert things.find(lambda x: Has(x, Match("equals", "1", 1.0)), "x") == "t0 t00 t3 t5 t7 t9"


def test_searches_and_writers_at_once(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 4)
    for number in range(20):
        things.add(f"t{number}", x=0, y=0)
    other = Things(things.database)  # another server of the same database

    def write(number: int) -> None:
        dice = random.Random(number)
        for turn in range(8):
            row = things.resources.get(*SCOPE, f"t{number}")
            if row is None or dice.random() < 0.2:
                things.add(f"w{number}-{turn}", x=turn, y=number)
            elif dice.random() < 0.2:
                things.resources.delete(row)
            else:
                things.resources.update(row, spec={"x": turn, "y": number})

    def search(number: int) -> None:
        for turn in range(4):
            side = (things, other)[(number + turn) % 2]
            side.find(lambda x: Has(x, Match("gt", "2", 2.0)), ("x", "y")[turn % 2], by="xy"[number % 2])

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(write, n) for n in range(12)] + [pool.submit(search, n) for n in range(4)]:
            done.result()
    rows = things.resources.list(*SCOPE)
    for name in ("x", "y"):
        wanted = sorted(each.name for each in rows if each.spec[name] > 2)
        assert things.find(lambda x: Has(x, Match("gt", "2", 2.0)), name).split() == wanted


def test_few_properties_stay_indexed(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 6)
    things.add("a", x=1)
    for number in range(10):
        things.clock.pass_(1)
        things.store.ready(things.source, [f"n{number}"])
    with things.database.read() as connection:
        names = connection.execute(select(indexed_properties.c.name)).scalars().all()
        values = connection.execute(select(func.count()).select_from(property_values)).scalar_one()
    assert len(names) == values == module.MOST
    assert set(names) == {b"n4", b"n5", b"n6", b"n7", b"n8", b"n9"}
    assert things.find(lambda x: Has(x, Match("exists")), "x") == "a"


def test_another_version_of_the_code_extracts_again(things: Things) -> None:
    things.add("a", x=1)
    assert things.having("x", "old") == ""
    things.source = Source(SCOPE, lambda *_: {"x": [Value("old")]}, "2")
    assert things.having("x", "old") == "a"
