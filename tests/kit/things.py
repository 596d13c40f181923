"""Resources of one kind with an index of their properties, for the tests of the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sagewright.store.database import Database
from sagewright.store.properties import Item, PropertyStore, Scope, Source, Value
from sagewright.store.property_search import Condition, Has, Match, Paging
from sagewright.store.resources import Resource, ResourceStore
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
