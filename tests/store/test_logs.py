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
from sagewright.store.schema import metadata
from sagewright.testing.clock import FakeClock

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
    assert logs.extent(stream) == Extent(10, 1, 1, 1)

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


# --- time ----------------------------------------------------------------------------------------------------------

CLOCK = FakeClock()
NOW = round(CLOCK.now() * 1000)
DAY = 86_400_000


@pytest.fixture
def old(tmp_path: Path) -> LogStore:
    """A store whose clock stands still."""
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    metadata.create_all(database.engine)
    return LogStore(database, tmp_path / "logs", CLOCK)


def kept_for(logs: LogStore, days: int, written: list[tuple[int, str]]) -> LogStream:
    stream = logs.open_stream(ACCOUNT, REGION, "group", "stream")
    group = logs.group(ACCOUNT, REGION, "group")
    assert group is not None
    logs.retain(group, days)
    logs.put(stream, written)
    return stream


def messages(logs: LogStore, stream: LogStream) -> list[str]:
    forward = [event.message for event in logs.read(stream, 0, 1_000_000).events]
    assert [event.message for event in logs.read_back(stream, None, 1_000_000).events] == forward
    return forward


def test_it_is_kept_when_an_event_came(old: LogStore) -> None:
    stream = kept_for(old, 7, [(NOW - DAY, "late"), (NOW, "at once")])
    assert [(e.timestamp, e.ingested) for e in old.read(stream, 0, 9).events] == [(NOW - DAY, NOW), (NOW, NOW)]
    assert old.extent(stream).ingested == NOW


@settings(max_examples=40, deadline=None)
@given(
    times=st.lists(st.integers(0, 50), max_size=200),
    ordered=st.booleans(),
    window=st.builds(Window, st.none() | st.integers(0, 51), st.none() | st.integers(0, 51)),
)
def test_a_window_is_found_in_large_files_in_order_or_not(
    logs: LogStore, shared: LogStream, times: list[int], ordered: bool, window: Window
) -> None:
    """Lines of 5 KB make the file many blocks long."""
    times = sorted(times) if ordered else times
    shared.path.with_suffix(".mixed").unlink(missing_ok=True)
    refill(logs, shared, [(at, f"{number} " + "x" * 5000) for number, at in enumerate(times)])
    expected = [str(number) for number, at in enumerate(times) if at in window]
    assert shared.path.with_suffix(".mixed").exists() == (times != sorted(times))

    read, offset = [], 0
    while (page := logs.read(shared, offset, 1000, window)).events:
        read += [event.message.split()[0] for event in page.events]
        offset = page.forward
    back: list[str] = []
    end: int | None = None
    while (page := logs.read_back(shared, end, 1000, window)).events:
        back = [event.message.split()[0] for event in page.events] + back
        end = page.backward
    assert read == back == expected


def test_expired_events_leave_the_disk_and_positions_stay(old: LogStore) -> None:
    week = [(NOW - 7 * DAY + number, "old " + "x" * 100) for number in range(5000)]
    stream = kept_for(old, 3, [*week, (NOW - DAY, "young"), (NOW, "new")])
    position = next(event.offset for event in old.read_back(stream, None, 1).events)
    before = stream.path.stat()

    assert old.expire() > 500_000
    after = stream.path.stat()
    assert after.st_size == before.st_size
    assert after.st_blocks * 512 < 20_000
    assert messages(old, stream) == ["young", "new"]
    assert [event.message for event in old.read(stream, position, 9).events] == ["new"]
    assert (old.extent(stream).first, old.size(stream) < 100) == (NOW - DAY, True)
    assert old.expire() == 0


def test_a_stream_of_expired_events_can_be_written_again(old: LogStore) -> None:
    stream = kept_for(old, 1, [(NOW - 2 * DAY, "old")] * 2000)
    assert old.expire() > 0
    assert messages(old, stream) == []
    assert old.extent(stream).first is None
    old.put(stream, [(NOW, "new")])
    assert messages(old, stream) == ["new"]


def test_in_a_mixed_stream_nothing_young_expires(old: LogStore) -> None:
    stream = kept_for(old, 3, [(NOW - 5 * DAY, "old")] * 9000)
    old.put(stream, [(NOW, "young")])
    old.put(stream, [(NOW - 4 * DAY, "old, but behind a young one")])
    assert old.expire() > 0
    assert messages(old, stream) == ["young", "old, but behind a young one"]


def test_a_torn_line_outlives_the_sweep(old: LogStore) -> None:
    stream = kept_for(old, 1, [(NOW - 2 * DAY, "old")] * 9000)
    with stream.path.open("ab") as file:
        file.write(f"{NOW}\tha".encode())
    old.expire()
    with stream.path.open("ab") as file:
        file.write(b"lf\n")
    assert messages(old, stream) == ["half"]


def test_streams_without_an_end_keep_their_newest_half(old: LogStore) -> None:
    written = [(NOW + number, f"{number} " + "x" * 1000) for number in range(1000)]
    stream = kept_for(old, 7, written)
    assert old.trim(10_000_000) == 0
    assert old.trim(1_000_000) > 400_000
    left = messages(old, stream)
    assert 400 < len(left) < 500
    assert left == [text for _, text in written[-len(left) :]]


def test_a_late_start_in_a_large_stream_reads_little(old: LogStore) -> None:
    """100 MB would take a second to read through; the operating system counts what is read."""
    stream = kept_for(old, 7, [])
    line = "x" * 1000
    with stream.path.open("wb") as file:
        for second in range(100):
            file.write("".join(f"{second * 1000 + number}\t{line}\n" for number in range(1000)).encode())

    def bytes_read() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    before = bytes_read()
    late = old.read(stream, 0, 10, Window(start=99_500))
    early = old.read_back(stream, None, 10, Window(end=500))
    assert [event.timestamp for event in late.events] == list(range(99_500, 99_510))
    assert [event.timestamp for event in early.events] == list(range(490, 500))
    assert bytes_read() - before < 10_000_000
