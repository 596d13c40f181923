"""Logs: every event comes back once, in order, whatever the pages; torn lines do not count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewright.core.clock import SystemClock
from sagewright.store.database import Database
from sagewright.store.logs import AlreadyExists, Extent, LogStore, LogStream, Window, escape, unescape

ACCOUNT, REGION = "123456789012", "us-east-1"
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.sampled_from(
    ["\\n", "\\", "a\\\nb", "\r\n", "\t", "\x85", "\u2028", "x" * 100_000]
)
events = st.lists(st.tuples(st.integers(0, 2**40), texts), max_size=12)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory, shared_database: Database) -> Iterator[LogStore]:
    store = LogStore(shared_database, tmp_path_factory.mktemp("logs"), SystemClock())
    yield store
    store.wipe()


@pytest.fixture
def stream(logs: LogStore) -> Iterator[LogStream]:
    stream = logs.open_stream(ACCOUNT, REGION, "/aws/sagemaker/TrainingJobs", "job/algo-1-1")
    yield stream
    logs.delete_stream(stream)


def refill(logs: LogStore, stream: LogStream, written: list[tuple[int, str]]) -> None:
    stream.path.write_bytes(b"")
    logs.put(stream, written)


@given(texts)
def test_escaping_can_be_undone_and_keeps_to_one_line(text: str) -> None:
    assert unescape(escape(text)) == text
    assert "\n" not in escape(text)
    assert "\r" not in escape(text)


@settings(max_examples=60, deadline=None)
@given(written=events, limit=st.integers(1, 5))
def test_paging_forward_gives_every_event_once_in_order(
    logs: LogStore, shared: LogStream, written: list[tuple[int, str]], limit: int
) -> None:
    refill(logs, shared, written)
    read, offset = [], 0
    while (page := logs.read(shared, offset, limit)).events:
        assert page.backward == offset
        read += [(event.timestamp, event.message) for event in page.events]
        offset = page.forward

    assert read == written
    assert page.forward == offset, "the end gives the same place back"


@settings(max_examples=60, deadline=None)
@given(written=events, limit=st.integers(1, 5))
def test_paging_back_gives_every_event_once_in_order(
    logs: LogStore, shared: LogStream, written: list[tuple[int, str]], limit: int
) -> None:
    refill(logs, shared, written)
    read: list[tuple[int, str]] = []
    offset = None
    while (page := logs.read_back(shared, offset, limit)).events:
        read = [(event.timestamp, event.message) for event in page.events] + read
        offset = page.backward

    assert read == written
    assert page.backward == 0


@settings(max_examples=40, deadline=None)
@given(written=events, start=st.integers(0, 2**40), end=st.integers(0, 2**40))
def test_a_window_of_time_leaves_out_the_rest(
    logs: LogStore, shared: LogStream, written: list[tuple[int, str]], start: int, end: int
) -> None:
    refill(logs, shared, written)
    expected = [item for item in written if start <= item[0] < end]

    for page in (
        logs.read(shared, 0, 100, Window(start, end)),
        logs.read_back(shared, None, 100, Window(start, end)),
    ):
        assert [(event.timestamp, event.message) for event in page.events] == expected


@pytest.fixture(scope="module")
def shared(logs: LogStore) -> LogStream:
    return logs.open_stream(ACCOUNT, REGION, "/shared", "stream")


def test_a_torn_line_is_read_when_it_is_whole(logs: LogStore, stream: LogStream) -> None:
    stream.path.write_bytes(b"1\tone\n2\ttw")
    first = logs.read(stream, 0, 10)
    back = logs.read_back(stream, None, 10)
    assert [event.message for event in first.events] == ["one"]
    assert [event.message for event in back.events] == ["one"]
    assert first.forward == back.forward == len(b"1\tone\n")
    assert logs.extent(stream) == Extent(10, 1, 1)

    with stream.path.open("ab") as file:
        file.write(b"o\n")
    assert [event.message for event in logs.read(stream, first.forward, 10).events] == ["two"]


def test_what_a_dead_writer_left_does_not_spoil_the_next_event(logs: LogStore, stream: LogStream) -> None:
    stream.path.write_bytes(b"1\tone\n1700")
    logs.put(stream, [(2, "two")])

    assert [event.message for event in logs.read(stream, 0, 10).events] == ["one", "two"]
    assert [event.message for event in logs.read_back(stream, None, 10).events] == ["one", "two"]


def test_bytes_that_are_not_text_do_no_harm(logs: LogStore, stream: LogStream) -> None:
    stream.path.write_bytes(b"1\t\xff\xfe\n\n\t\nx\ty\n" + b"9" * 5000 + b"\tlong\n2\tend\n")

    assert [event.message for event in logs.read(stream, 0, 10).events] == ["\ufffd\ufffd", "end"]


def test_a_page_holds_a_megabyte_at_most(logs: LogStore, stream: LogStream) -> None:
    logs.put(stream, [(1, "x" * 400_000)] * 3)

    assert len(logs.read(stream, 0, 10).events) == 2
    assert len(logs.read_back(stream, None, 10).events) == 2


def test_offsets_outside_the_file_give_nothing(logs: LogStore, stream: LogStream) -> None:
    logs.put(stream, [(1, "one")])

    assert logs.read(stream, 1000, 10).events == []
    assert [event.message for event in logs.read_back(stream, 1000, 10).events] == ["one"]


def test_names_are_never_paths(logs: LogStore, tmp_path: Path) -> None:
    stream = logs.open_stream(ACCOUNT, REGION, "../../etc", "../../../passwd")
    logs.put(stream, [(1, "one")])

    assert ".." not in stream.path.parts
    assert [event.message for event in logs.read(stream, 0, 10).events] == ["one"]


def test_opening_twice_gives_the_same_stream(logs: LogStore, stream: LogStream) -> None:
    again = logs.open_stream(ACCOUNT, REGION, "/aws/sagemaker/TrainingJobs", "job/algo-1-1")

    assert again == stream
    assert logs.group(ACCOUNT, "eu-west-1", "/aws/sagemaker/TrainingJobs") is None, "groups belong to a region"
    with pytest.raises(AlreadyExists):
        logs.create_group(ACCOUNT, REGION, "/aws/sagemaker/TrainingJobs")


def test_prefixes_are_taken_literally(logs: LogStore) -> None:
    for name in ("job_1/algo-1", "jobx1/algo-1", "job_1/algo-2", "JOB_1/algo-1"):
        logs.open_stream(ACCOUNT, REGION, "/prefix", name)
    group = logs.group(ACCOUNT, REGION, "/prefix")
    assert group is not None

    assert [stream.name for stream in logs.streams(group, "job_1/")] == ["job_1/algo-1", "job_1/algo-2"]
    assert len(logs.streams(group)) == 4


def test_deleting_a_group_deletes_its_files(logs: LogStore) -> None:
    stream = logs.open_stream(ACCOUNT, REGION, "/gone", "stream")
    group = logs.group(ACCOUNT, REGION, "/gone")
    assert group is not None
    logs.delete_group(group)

    assert not stream.path.exists()
    assert logs.read(stream, 0, 10).events == []
    assert logs.read_back(stream, None, 10).events == []
    assert logs.extent(stream) == Extent(0)
