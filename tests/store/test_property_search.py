"""Conditions on properties, order and pages, on both databases."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.kit.things import Things

from sagewright.store.database import Database
from sagewright.store.property_search import All, Has, Match, Not, OneItem, Paging, Position, Some


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
