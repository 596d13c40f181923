"""Links: listed by either end, walked breadth first, gone with their resources."""

from __future__ import annotations

import pytest

from sagewright.store.database import Database
from sagewright.store.links import BATCH, LinkQuery, LinkStore
from sagewright.store.resources import ResourceStore
from sagewright.testing.clock import FakeClock


class World:
    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, FakeClock()
        self.links = LinkStore(database, self.clock)

    def link(self, source: str, destination: str, type: str = "ContributedTo", **more: str) -> bool:
        self.clock.pass_(1)
        return self.links.add("1", "r", source=source, destination=destination, type=type, **more)

    def pairs(self, query: LinkQuery) -> list[str]:
        return [each.source + each.destination for each in self.links.list("1", "r", query)]


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def test_a_link_is_made_once_and_removed(world: World) -> None:
    assert world.link("a", "b", source_type="DataSet", destination_type="Model")
    assert not world.link("a", "b")
    assert world.link("a", "b", "Produced")
    (first, second) = world.links.of("b")
    assert (first.source_type, first.destination_type, first.created_by) == ("DataSet", "Model", {})
    assert second.type == "Produced"
    assert world.links.remove("a", "b", "Produced") == 1
    assert world.links.remove("a", "b") == 1
    assert world.links.remove("a", "b") == 0


def test_lists_filter_order_and_page(world: World) -> None:
    for source, destination in ("ab", "ac", "bc", "da"):
        world.link(source, destination, source_type=source.upper())
    assert world.pairs(LinkQuery()) == ["da", "bc", "ac", "ab"]
    assert world.pairs(LinkQuery({"source": "a"}, descending=False)) == ["ab", "ac"]
    assert world.pairs(LinkQuery({"destination": "c", "source_type": "B"})) == ["bc"]
    assert world.pairs(LinkQuery(order="destination", descending=False)) == ["da", "ab", "ac", "bc"]
    assert world.links.list("2", "r") == []
    with pytest.raises(KeyError):
        world.links.list("1", "r", LinkQuery({"created_by": "x"}))
    for order in ("created", "source", "source_type", "destination"):
        for descending in (True, False):
            last, seen = None, []
            while page := world.links.list(
                "1", "r", LinkQuery({}, order=order, descending=descending, after=last, limit=1)
            ):  # type: ignore[arg-type]
                seen, last = [*seen, page[0].source + page[0].destination], page[0]
            assert seen == world.pairs(LinkQuery(order=order, descending=descending))  # type: ignore[arg-type]
    first = world.links.list("1", "r", LinkQuery(descending=False))[0]
    assert world.pairs(LinkQuery(created_after=first.created)) == ["da", "bc", "ac"]
    assert world.pairs(LinkQuery(created_before=first.created + 1)) == ["ab"]


def test_a_walk_finds_the_nearest_first_each_once_and_survives_circles(world: World) -> None:
    for source, destination in ("ab", "bc", "cd", "da", "xb"):
        world.link(source, destination)

    def walked(start: str, direction: str, **more: int) -> list[tuple[str, int]]:
        steps = world.links.walk([start], direction, **more)  # type: ignore[arg-type]
        return [(each.link.source + each.link.destination, each.depth) for each in steps]

    assert walked("a", "descendants") == [("ab", 1), ("bc", 2), ("cd", 3), ("da", 4)]
    assert walked("b", "ascendants", depth=2) == [("ab", 1), ("xb", 1), ("da", 2)]
    assert walked("b", "both", depth=1) == [("bc", 1), ("ab", 1), ("xb", 1)]
    assert walked("a", "descendants", limit=2) == [("ab", 1), ("bc", 2)]
    assert world.links.walk(["a"], "descendants", types=["Produced"]) == []


def test_a_walk_may_be_wide(world: World) -> None:
    count = BATCH + 7
    for number in range(count):
        world.link("root", f"leaf{number}")
        world.link(f"leaf{number}", "end")
    steps = world.links.walk(["root"], "descendants", limit=10 * count)
    assert [sum(each.depth == depth for each in steps) for depth in (1, 2)] == [count, count]


def test_links_go_with_either_resource(world: World) -> None:
    store = ResourceStore(world.database, world.clock)
    made = store.create(account="1", region="r", kind="K", name="n", arn="arn:n", spec={})
    world.link("arn:n", "b")
    world.link("a", "arn:n")
    world.link("a", "b")
    store.delete(made)
    assert world.pairs(LinkQuery()) == ["ab"]
    world.links.wipe()
    assert world.pairs(LinkQuery()) == []
