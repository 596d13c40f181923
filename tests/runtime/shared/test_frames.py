"""Frames survive any cut of the stream, and garbage is refused rather than believed."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright_runtime.shared import frames

FRAMES = st.builds(
    frames.Frame,
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFF),
    st.binary(max_size=80),
    st.binary(max_size=300),
)


@given(st.lists(FRAMES, max_size=6), st.lists(st.integers(1, 50), max_size=30))
def test_frames_come_back_however_the_stream_is_cut(sent: list[frames.Frame], cuts: list[int]) -> None:
    stream = b"".join(frames.encode(*frame) for frame in sent)
    splitter, received, offset = frames.Splitter(), [], 0
    for cut in [*cuts, len(stream)]:
        received += splitter.feed(stream[offset : offset + cut])
        offset += cut
    assert received == sent


def test_every_single_cut_of_two_frames() -> None:
    sent = [frames.Frame(7, 1, b"accept: text/csv", b"1,2,3\n"), frames.Frame(8, 200, b"", b"")]
    stream = b"".join(frames.encode(*frame) for frame in sent)
    for cut in range(len(stream) + 1):
        splitter = frames.Splitter()
        assert splitter.feed(stream[:cut]) + splitter.feed(stream[cut:]) == sent


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_waits_for_more(garbage: bytes) -> None:
    splitter = frames.Splitter()
    try:
        received = splitter.feed(garbage)
    except frames.FrameError:
        return
    assert b"".join(frames.encode(*frame) for frame in received) == garbage[: _encoded_size(received)]


def _encoded_size(received: list[frames.Frame]) -> int:
    return sum(12 + len(frame.head) + len(frame.body) for frame in received)


@pytest.mark.parametrize("prefix", [(frames.MAX_LENGTH + 1, 1, 1, 0), (7, 1, 1, 0), (10, 1, 1, 3)])
def test_a_length_that_cannot_be_is_refused_before_its_body_arrives(prefix: tuple[int, int, int, int]) -> None:
    with pytest.raises(frames.FrameError):
        frames.Splitter().feed(struct.pack("!IIHH", *prefix))


@given(st.dictionaries(st.from_regex(r"[a-z-]{1,20}", fullmatch=True), st.text().map(lambda t: " ".join(t.split()))))
def test_headers_come_back(headers: dict[str, str]) -> None:
    assert dict(frames.decode_headers(frames.encode_headers(headers))) == headers


def test_a_line_break_cannot_forge_a_header() -> None:
    with pytest.raises(frames.FrameError):
        frames.encode_headers({"accept": "text/csv\nx-other: yes"})


def test_what_is_too_long_is_not_sent() -> None:
    with pytest.raises(frames.FrameError):
        frames.encode(1, 1, b"x" * 0x10000)
