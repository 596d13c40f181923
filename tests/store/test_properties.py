"""Indexed properties: conditions, order and pages by SQL; what changed is seen; searches at once and a kill."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from sagewright.store import properties as module
from sagewright.store.database import Database
from sagewright.store.pages import Query
from sagewright.store.properties import Item, PropertyStore, Scope, Source, Value
from sagewright.store.property_search import All, Condition, Has, Match, Not, OneItem, Paging, Position, Some
from sagewright.store.resources import Change, Resource, ResourceStore
from sagewright.store.schema import indexed_properties, property_values
from sagewright.store.tags import TagStore
from sagewright.testing.clock import FakeClock

SCOPE = Scope("123456789012", "us-east-1", "Thing")


def value(each: Any, item: int = -1) -> Value:
    return Value(str(each), float(each) if isinstance(each, int | float) else None, item)


def extract(resource: Resource, tags: Mapping[str, str], names: Sequence[str]) -> Mapping[str, Sequence[Value | Item]]:
    """A property is a member of the spec, of the tags, or of each item of the spec's list."""
    found: dict[str, Sequence[Value | Item]] = {}
    for name in names:
        if name.startswith("item "):
            items = enumerate(resource.spec.get("items", ()))
            found[name] = [value(each[name[5:]], n) if name[5:] in each else Item(n) for n, each in items]
            continue
        one = {**tags, **resource.status, **resource.spec}.get(name, [])
        found[name] = [value(each) for each in (one if isinstance(one, list) else [one])]
    return found


class Things:
    """Resources of one kind with an index of their properties."""

    def __init__(self, database: Database) -> None:
        self.clock = FakeClock()
        self.database = database
        self.resources = ResourceStore(database, self.clock)
        self.tags = TagStore(database)
        self.store = PropertyStore(database, self.clock)
        self.source = Source(SCOPE, extract, "1")

    def add(self, name: str, tags: Mapping[str, str] | None = None, **spec: Any) -> Resource:
        scope = SCOPE._asdict()
        return self.resources.create(**scope, name=name, arn=f"arn:{name}", spec=spec, due=0.0, tag_set=tags)

    def find(self, condition: Callable[..., Condition] | None, *names: str, **paging: Any) -> str:
        """The names of what satisfies the condition, which is made of the ids of ``names``; in order of a property."""
        by, ascending = paging.pop("by", "none"), paging.pop("ascending", True)

        def made(ids: Mapping[str, int]) -> Condition | None:
            return condition(*(ids[name] for name in names)) if condition else None

        def paged(ids: Mapping[str, int]) -> Paging:
            return Paging(ids[by], ascending, paging.get("limit", 1000), paging.get("after"))

        hits, found = self.store.search(self.source, made, {*names, by}, paged)
        assert hits >= len(found)
        assert hits == len(found) or paging
        return " ".join(each.position.name for each in found)

    def having(self, name: str, text: str) -> str:
        return self.find(lambda id_: Has(id_, Match("equals", text)), name)


@pytest.fixture
def things(database: Database) -> Things:
    return Things(database)


def test_values_are_tested_as_text_and_as_numbers(things: Things) -> None:
    long = "x" * 300
    things.add("a", x=1)
    things.add("b", x="one\0 \ud800ü")
    things.add("c", x=[2, "three"])
    things.add("d", x=long + "d")
    things.add("e")
    for match, found in (
        (Match("equals", "1", 1.0), "a"),
        (Match("equals", "one\0 \ud800ü"), "b"),
        (Match("contains", "e\0 \ud800"), "b"),
        (Match("contains", "hre"), "c"),
        (Match("gt", "1", 1.0), "c"),
        (Match("ge", "1", 1.0), "a c"),
        (Match("lt", "2", 2.0), "a"),
        (Match("le", "2", 2.0), "a c"),
        (Match("lt", "two"), ""),
        (Match("lt", "nan", float("nan")), ""),
        (Match("equals", long + "d"), "d"),
        (Match("equals", long + "e"), ""),
        (Match("contains", "xd"), "d"),
        (Match("exists"), "a b c d"),
    ):
        assert things.find(lambda x, match=match: Has(x, match), "x") == found, match
        left = " ".join(each for each in "abcde" if each not in found)
        assert things.find(lambda x, match=match: Not(Has(x, match)), "x") == left, match


def test_conditions_combine(things: Things) -> None:
    things.add("a", x=1, y=1, items=[{"k": "p", "v": 1}, {"k": "q", "v": 2}])
    things.add("b", x=1, y=2, items=[{"k": "p", "v": 2}])
    things.add("c", x=2, y=2, items=[{"k": "p"}])
    one, two, p = Match("equals", "1", 1.0), Match("equals", "2", 2.0), Match("equals", "p")
    assert things.find(lambda x, y: All((Has(x, one), Has(y, two))), "x", "y") == "b"
    assert things.find(lambda x, y: Some((Has(x, two), Has(y, one))), "x", "y") == "a c"
    assert things.find(lambda x, y: All((Not(Has(x, two)), Not(Has(y, one)))), "x", "y") == "b"
    assert things.find(lambda x, y: Some((Not(Has(x, one)), Has(y, one))), "x", "y") == "a c"
    assert things.find(lambda _: Some(()), "x") == ""
    assert things.find(lambda _: All(()), "x") == "a b c"
    assert things.find(lambda k, v: OneItem(k, (Has(k, p), Has(v, two))), "item k", "item v") == "b"
    assert things.find(lambda k, v: OneItem(k, (Has(k, p), Not(Has(v, one)))), "item k", "item v") == "b c"
    assert things.find(lambda k, v: OneItem(v, (Not(Has(v, Match("exists"))),)), "item k", "item v") == "c"


@pytest.mark.parametrize("few", [0, 5000])
def test_order_and_pages(things: Things, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.store.property_search.FEW", few)
    for name, x in (("a", 2), ("b", "two"), ("c", 10), ("d", None), ("e", 2), ("f", None), ("g", "Two")):
        things.add(name, y=1, **({} if x is None else {"x": x}))
    up, down = "a e c g b d f", "b g c e a f d"
    for ascending, order in ((True, up), (False, down)):
        for condition in (None, lambda y: Has(y, Match("exists"))):
            assert things.find(condition, "y", by="x", ascending=ascending) == order
            pages, after = [], None
            for _ in range(4):

                def paged(ids: Mapping[str, int], after: Position | None = after, up: bool = ascending) -> Paging:
                    return Paging(ids["x"], up, 2, after)

                made = (lambda ids, of=condition: of(ids["y"])) if condition else (lambda _: None)
                hits, found = things.store.search(things.source, made, {"x", "y"}, paged)
                assert hits == 7
                pages += [each.position.name for each in found]
                after = found[-1].position
            assert " ".join(pages) == order


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
