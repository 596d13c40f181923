"""Bytes become lines, lines become a log."""

import os
import subprocess
import sys
from pathlib import Path

from sagewright_runtime.agent.metrics import Metrics
from sagewright_runtime.agent.output import MAX_LINE_BYTES, Lines, LogFile, Output


def lines_of(*chunks: bytes, now: float = 100.0) -> list[str]:
    lines = Lines()
    found = [line for chunk in chunks for line in lines.feed(chunk, now)]
    return found + list(lines.finish())


def test_lines_are_cut_where_chunks_are_not() -> None:
    assert lines_of(b"one\ntw", b"o\n\nthr", b"ee") == ["one", "two", "", "three"]


def test_windows_line_ends_are_line_ends() -> None:
    assert lines_of(b"one\r\ntwo\r\n") == ["one", "two"]
    assert lines_of(b"one\r", b"\ntwo\r", b"\n") == ["one", "two"]


def test_a_progress_bar_becomes_its_last_state() -> None:
    assert lines_of(b"\r 1%\r 2%\r 3%\ndone\n") == [" 3%", "done"]
    assert lines_of(b"start\n\r 1%", b"\r 2%", b"\r 3%", b"\n") == ["start", " 1%", " 3%"]


def test_a_moving_progress_bar_shows_one_state_a_second() -> None:
    lines = Lines()
    seen = [(at, line) for at in range(100) for line in lines.feed(f"\r{at}%".encode(), 5 + at / 10)]
    assert len(seen) == 10
    assert list(lines.finish()) == ["99%"]


def test_long_lines_are_split_between_characters() -> None:
    text = "é" * (MAX_LINE_BYTES + 11)
    pieces = lines_of(text.encode() + b"\n")
    assert "".join(pieces) == text
    assert all(len(piece.encode()) <= MAX_LINE_BYTES for piece in pieces)
    assert len(pieces) == 3


def test_an_endless_line_does_not_grow_in_memory() -> None:
    pieces = lines_of(*[b"x" * 65536] * 40)
    assert sum(map(len, pieces)) == 40 * 65536
    assert max(map(len, pieces)) <= MAX_LINE_BYTES


def test_binary_is_replaced_within_the_limit() -> None:
    pieces = lines_of(b"\xff" * 200_000 + b"\n")
    assert "".join(pieces) == "\N{REPLACEMENT CHARACTER}" * 200_000
    assert all(len(piece.encode()) <= MAX_LINE_BYTES for piece in pieces)


def test_the_log_is_one_line_an_event_and_never_goes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "log"
    log = LogFile(str(path))
    log.append(["a\\b", "c\nd\re\tf"], 2.5)
    log.append(["later, by a clock set back"], 1.0)
    assert path.read_bytes() == b"2500\ta\\\\b\n2500\tc\\nd\\re\tf\n2500\tlater, by a clock set back\n"


def test_a_full_disk_does_not_stop_the_job() -> None:
    log = LogFile("/dev/full")
    log.append(["lost"], 1.0)


def test_a_log_without_an_end_stops_at_its_limit_and_keeps_the_newest_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(str(path), 1 << 20)
    for number in range(5000):
        log.append([f"{number} " + "x" * 1000], 1.0)
    assert path.stat().st_size < 1.2 * (1 << 20)
    assert path.read_text().count("has reached 1 MiB") == 1

    log.close(2.0)
    log.close(2.0)
    told = [line.partition("\t")[2].split()[0] for line in path.read_text().splitlines()]
    written = told.index("sagewright:")
    assert told[:written] == [str(number) for number in range(written)]
    assert told[written + 2 :] == [str(number) for number in range(4901, 5000)]
    assert f"{5000 - written - 99} lines found no room" in path.read_text()


def test_a_log_goes_on_when_the_server_has_made_room(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(str(path), 1 << 20)
    for number in range(1500):
        log.append([f"{number} " + "x" * 1000], 1.0)
    os.truncate(path, 0)
    log.append(["on we go"], 2.0)
    told = [line.partition("\t")[2] for line in path.read_text().splitlines()]
    assert "found no room" in told[0]
    assert (len(told), told[-2].split()[0], told[-1]) == (101, "1499", "on we go")


def test_output_is_drained_to_the_end_and_the_last_lines_remembered(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with subprocess.Popen([sys.executable, "-c", "for n in range(5000): print(n)"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        output = Output(os.dup(process.stdout.fileno()), LogFile(str(path)), None)
        while output.drain(1.0):
            pass
    assert path.read_text() == "".join(f"1000\t{n}\n" for n in range(5000))
    assert list(output.remembered)[-1] == "4999"
    assert len(output.remembered) == 400


def test_lines_are_logged_before_they_are_matched_and_nothing_is_read_until_they_are(tmp_path: Path) -> None:
    path = tmp_path / "log"
    metrics = Metrics([(f"m{number}", "(a+)+b") for number in range(4)], str(tmp_path / "metrics.jsonl"))
    reader, writer = os.pipe()
    os.write(writer, ("a" * 20 + "\n").encode() * 1000)
    output = Output(reader, LogFile(str(path)), metrics)
    assert output.drain(1.0)
    assert len(path.read_text().splitlines()) == 1000
    assert output.unmatched
    os.write(writer, b"next\n")
    assert output.drain(1.0)
    assert "next" not in path.read_text()
    output.stop_matching(2.0)
    assert "lines were not searched for metrics" in path.read_text()
    os.close(writer)
    assert not output.drain(3.0)
    assert path.read_text().splitlines()[-1].endswith("\tnext")
    os.close(reader)
