"""A fetch: readers get bytes as they arrive, all of them, and the error that ends it."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sagewright.store.objects.read_through_fetch import Copying, Fetch


def test_readers_follow_the_writer(tmp_path: Path) -> None:
    fetch = Fetch(tmp_path)
    fetch.write(b"0123")
    assert next(fetch.read(1, 2)) == b"12"
    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(lambda: b"".join(fetch.read(2, 6))) for _ in range(2)]
        source = Copying(io.BytesIO(b"456789"), fetch)  # type: ignore[arg-type]
        assert (source.read(3), source.read(9), source.read()) == (b"456", b"789", b"")
        fetch.end()
        assert [reader.result() for reader in readers] == [b"234567", b"234567"]
    fetch.wait()
    assert not list(tmp_path.iterdir()), "it has no name"


def test_what_ends_it_is_what_readers_get(tmp_path: Path) -> None:
    fetch = Fetch(tmp_path)
    fetch.write(b"01")
    fetch.end(OSError("cut"))
    pieces = fetch.read(0, 4)
    assert next(pieces) == b"01"
    with pytest.raises(OSError, match="cut"):
        next(pieces)
    with pytest.raises(OSError, match="cut"):
        fetch.wait()


def test_an_object_that_is_too_short_is_an_error(tmp_path: Path) -> None:
    fetch = Fetch(tmp_path)
    fetch.end()
    assert list(fetch.read(0, 0)) == []
    with pytest.raises(EOFError):
        next(fetch.read(0, 1))
