"""The contract of a database for the stores. Subclass ``StoreCase`` and give it ``database`` and ``other`` fixtures.

``database`` is empty but for its tables; ``other`` is a second connection pool to it, as another server would have.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from sagewright.core.clock import SystemClock
from sagewright.store.credentials import CredentialStore
from sagewright.store.database import Database
from sagewright.store.events import Event, EventStore
from sagewright.store.logs import AlreadyExists as StreamExists
from sagewright.store.logs import LogStore, LogStream
from sagewright.store.metrics import Key, MetricStore, Point, Span
from sagewright.store.resources import AlreadyExists, Change, Resource, ResourceStore, Stale
from sagewright.store.tags import TagStore

ACCOUNT, REGION = "123456789012", "us-east-1"
ODD_TEXTS = ("", "é", "\U0001f680", "%_'\"\\", "line\nbreak", "x" * 100_000)
T = TypeVar("T")


def make(store: ResourceStore, name: str, **members: object) -> Resource:
    """A resource called ``name``."""
    columns: dict[str, object] = {"spec": {}, "phase": "pending", "due": 0.0, **members}
    return store.create(account=ACCOUNT, region=REGION, kind="K", name=name, arn=f"arn:{name}", **columns)  # type: ignore[arg-type]


def at_once(act: Callable[[int], T], times: int = 8) -> list[T | BaseException]:
    """Call ``act`` with each number at the same moment. Returns what each call returned or raised."""
    with ThreadPoolExecutor(times) as pool:
        futures = [pool.submit(act, number) for number in range(times)]
    return [future.exception() or future.result() for future in futures]


class StoreCase:
    """The contract of the resource, event, tag, credential, log and metric stores, two servers at a time."""

    @pytest.fixture
    def pair(self, database: Database, other: Database) -> tuple[ResourceStore, ResourceStore]:
        return ResourceStore(database, SystemClock()), ResourceStore(other, SystemClock())

    def test_documents_come_back_as_they_were(self, database: Database) -> None:
        store = ResourceStore(database, SystemClock())
        spec = {"odd": [*ODD_TEXTS, "nul\0nul"], "n": [0, -1, 1.5, 1e300, 2**60, True, None], "": {"b": 1, "a": {}}}
        stored = make(store, "a", spec=spec, events=[Event(5.0, "Starting", "m", {"nul": "\0"})])
        read = store.by_id(stored.id)
        assert read == stored
        assert list(read.spec) == ["odd", "n", ""]
        assert EventStore(database).of(stored.id) == [Event(5.0, "Starting", "m", {"nul": "\0"})]

    def test_any_text_can_be_written(self, database: Database) -> None:
        tags, events = TagStore(database), EventStore(database)
        values = {f"k{number}": text[:256] for number, text in enumerate(ODD_TEXTS)}
        assert tags.add("arn:a", values, 50)
        assert tags.of("arn:a") == values
        stored = make(ResourceStore(database, SystemClock()), "a", events=[Event(1.0, "Failed", "nul\0nul")])
        assert events.of(stored.id)[0].message in ("nul\0nul", "nul\ufffdnul"), "PostgreSQL's text has no NUL"

    @pytest.mark.parametrize("name", ["a", "b", "c", "d"])
    def test_a_name_is_given_once(self, pair: tuple[ResourceStore, ResourceStore], name: str) -> None:
        results = at_once(lambda n: make(pair[n % 2], name))
        created = [each for each in results if isinstance(each, Resource)]
        refused = [each for each in results if isinstance(each, AlreadyExists)]
        assert (len(created), len(refused)) == (1, 7), results
        assert {each.existing.id for each in refused} == {created[0].id}

    def test_one_server_at_a_time_has_the_lease(self, pair: tuple[ResourceStore, ResourceStore]) -> None:
        for resource in [make(pair[0], f"n{number}") for number in range(5)]:
            leases = at_once(partial(self._lease, pair, resource.id))
            assert len([each for each in leases if isinstance(each, Resource)]) == 1, leases

    def _lease(self, pair: tuple[ResourceStore, ResourceStore], identifier: str, n: int) -> Resource | None:
        return pair[n % 2].lease(f"server-{n}", identifier, 10)

    def test_a_wish_that_meets_an_apply_is_never_lost(self, pair: tuple[ResourceStore, ResourceStore]) -> None:
        for resource in [make(pair[0], f"n{number}") for number in range(20)]:
            leased = pair[0].lease("one", resource.id, 10)
            assert leased is not None
            at_once(partial(self._apply_or_wish, pair, leased, resource), 2)
            after = pair[0].by_id(resource.id)
            assert after is not None
            assert (after.wished, after.phase, after.due is not None) == ("stopped", "starting", True)
            assert after.shown == "stopping"

    def _apply_or_wish(
        self, pair: tuple[ResourceStore, ResourceStore], leased: Resource, resource: Resource, n: int
    ) -> None:
        if n:
            pair[1].update(resource, wish=({"word": "stopped"}, "stopping"), due=1.0)
        else:
            pair[0].apply("one", leased, Change(due=None, phase="starting"))

    def test_of_two_writers_on_one_version_one_is_refused(self, pair: tuple[ResourceStore, ResourceStore]) -> None:
        resource = make(pair[0], "a")
        results = at_once(lambda n: pair[n].update(resource, wish=({"word": "gone"}, "deleting")), 2)
        assert {type(each) for each in results} == {Resource, Stale}

    def test_tags_of_two_writers_are_all_kept_and_the_limit_holds(self, database: Database, other: Database) -> None:
        stores = (TagStore(database), TagStore(other))
        results = at_once(lambda n: stores[n % 2].add("arn:a", {f"k{n}": "v", "same": str(n)}, 6))
        assert results.count(True) == 5, results
        assert len(stores[0].of("arn:a")) == 6
        assert stores[0].add("arn:b", {}, 6)
        assert stores[0].of("arn:b") == {}

    def test_keys_come_back_and_go(self, database: Database, other: Database) -> None:
        store, other_store = CredentialStore(database, SystemClock()), CredentialStore(other, SystemClock())
        key = store.issue("arn:aws:iam::123456789012:user/ann", "AIDA", 900)
        assert other_store.find(key.id) == key
        assert other_store.remove(key.id)
        assert CredentialStore(database, SystemClock()).find(key.id) is None

    def test_a_stream_is_made_once_and_names_sort_by_code_point(
        self, database: Database, other: Database, tmp_path: Path
    ) -> None:
        stores = [LogStore(each, tmp_path / "logs", SystemClock()) for each in (database, other)]
        opened = at_once(lambda n: stores[n % 2].open_stream(ACCOUNT, REGION, "/g", "s"))
        assert len({each.id for each in opened if isinstance(each, LogStream)}) == 1, opened
        group = stores[0].group(ACCOUNT, REGION, "/g")
        assert group is not None
        with pytest.raises(StreamExists):
            stores[1].create_stream(group, "s")
        names = ["B", "a", "_", "é", "z", "\U0001f680", "A/b", "A-b"]
        for name in names:
            stores[1].create_stream(group, name)
        assert [stream.name for stream in stores[0].streams(group)] == sorted([*names, "s"])
        assert [stream.name for stream in stores[0].streams(group, "A")] == ["A-b", "A/b"]

    def test_points_written_crosswise_are_counted_once_and_nobody_waits_for_ever(
        self, database: Database, other: Database
    ) -> None:
        stores = (MetricStore(database, SystemClock()), MetricStore(other, SystemClock()))
        points = [Point.of(f"m{number}", 60.0, 1.0, source="line") for number in range(20)]
        results = at_once(lambda n: stores[n % 2].put(ACCOUNT, REGION, "N", points[:: 1 if n % 3 else -1]))
        assert results == [None] * 8
        buckets = [stores[0].buckets(Key(ACCOUNT, REGION, "N", point.name), Span(60, 120, 60)) for point in points]
        assert [[bucket.samples for bucket in statistics] for statistics in buckets] == [[1.0]] * 20
