"""Properties of resources by dotted names: what Describe says, tags, metrics, parameters. Search and List index them.

A name may be followed by ``ITEM`` and the rest of a name: the values of each item of a list, told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sagewright import __version__
from sagewright.core import Json
from sagewright.nouns.declaration import Noun
from sagewright.nouns.operations import Call
from sagewright.store.properties import Item, Scope, Source, Value
from sagewright.store.property_search import Match
from sagewright.store.resources import Resource

ITEM = "\n"
"""In the name of a property of a list's items, what stands for each item. No name of a caller's has it."""
STATISTICS = ("Min", "Max", "Avg", "Last", "Count", "StdDev")
"""What is said of a metric that has many values."""


_added: dict[str, Callable[[Call, Resource], Json]] = {}


def searches_also(noun: Noun, properties: Callable[[Call, Resource], Json]) -> None:
    """Let searches know more of a kind than Describe says, such as its ``Parents``.

    Whoever changes what ``properties`` reads beside the resource calls ``PropertyStore.outdated``.
    """
    _added[noun.kind] = properties


class Record:
    """The properties of a resource, each made when it is first needed: most searches need few."""

    def __init__(self, call: Call, noun: Noun, resource: Resource, tags: Mapping[str, str]) -> None:
        self.resource = resource
        self.tags = tags
        self._call = call
        self._noun = noun

    @cached_property
    def brief(self) -> Json:
        """What the resource's row says."""
        return self._noun.brief(self.resource)

    @cached_property
    def described(self) -> Json:
        """All that is said of the resource."""
        added = _added.get(self._noun.kind)
        return {
            **self._noun.full(self._call, self.resource),
            **(added(self._call, self.resource) if added is not None else {}),
        }

    def values(self, name: str) -> list[Any]:
        """All values at a dotted name: none, one, or several where a list is on the way."""
        top, _, rest = name.partition(".")
        if top == "Tags" and rest:
            return [self.tags[rest]] if rest in self.tags else []
        if top == "Metrics" and rest:
            return list(self._metrics(rest))
        if top == self._noun.kind:  # a record within a record: Model
            top, _, rest = rest.partition(".")
        document = self.brief if top in self.brief else self.described
        found = list(walk(document[top], rest)) if top in document else []
        return [_parameter(each) for each in found] if top == "Parameters" and rest else found

    def _metrics(self, name: str) -> Iterator[Any]:
        """The final value of a metric, or a statistic of it: ``loss``, ``loss.Min``."""
        for each in self.brief.get("FinalMetricDataList", ()):
            if name in (each["MetricName"], f"{each['MetricName']}.Last"):
                yield each["Value"]
        metric, _, statistic = name.rpartition(".")
        summaries = self.described.get("Metrics", ()) if "Metrics" in self._noun.facts.described else ()
        for each in summaries:
            if each["MetricName"] == name and "Last" in each:
                yield each["Last"]
            elif each["MetricName"] == metric and statistic in STATISTICS and statistic in each:
                yield each[statistic]

    def indexed(self, name: str) -> Sequence[Value | Item]:
        """The values as the index keeps them."""
        of_list, separator, rest = name.partition(ITEM)
        if not separator:
            return [Value(text_of(each), number_of(each)) for each in self.values(name)]
        found: list[Value | Item] = []
        for number, item in enumerate(self.values(of_list)):
            values = [Value(text_of(each), number_of(each), number) for each in walk(item, rest)]
            found += values or [Item(number)]
        return found


def source_of(call: Call, noun: Noun) -> Source:
    """How the properties of the caller's resources of a kind are indexed."""

    def extract(
        resource: Resource, tags: Mapping[str, str], names: Sequence[str]
    ) -> Mapping[str, Sequence[Value | Item]]:
        record = Record(call, noun, resource, tags)
        return {name: record.indexed(name) for name in names}

    return Source(Scope(call.account, call.region, noun.kind), extract, __version__)


def filters(call: Call, noun: Noun, wanted: Mapping[str, str]) -> tuple[tuple[int, Match], ...]:
    """For ``Query.properties``: resources that have the texts as values of these properties, which get indexed."""
    ids = call.platform.properties.ready(source_of(call, noun), wanted) if wanted else {}
    return tuple((ids[name], Match("equals", text, number_of(text))) for name, text in wanted.items())


def walk(value: Any, rest: str) -> Iterator[Any]:
    """What lies at the rest of a name; keys may hold dots themselves, the longest key wins."""
    if isinstance(value, list):
        for each in value:
            yield from walk(each, rest)
    elif not rest:
        yield value
    elif isinstance(value, dict):
        parts = rest.split(".")
        for length in range(len(parts), 0, -1):
            key = ".".join(parts[:length])
            if key in value:
                yield from walk(value[key], ".".join(parts[length:]))
                return


def text_of(value: Any) -> str:
    """A value as text, as it is compared."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def number_of(value: Any) -> float | None:
    """A number, one written out, or a moment as seconds since the epoch; else None."""
    if isinstance(value, bool | dict):
        return None
    try:
        return float(value)
    except (ValueError, TypeError, OverflowError):
        pass
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _parameter(value: Any) -> Any:
    """A trial component's parameter is a structure of one value."""
    members = ("NumberValue", "StringValue")
    return next((value[each] for each in members if each in value), value) if isinstance(value, Mapping) else value
