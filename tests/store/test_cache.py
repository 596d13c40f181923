"""The cache of blobs that are elsewhere: whole files or none, its size, a full disk, what a kill leaves."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagewright.store.objects import cache as module
from sagewright.store.objects.cache import Cache

KIB = 1 << 10


def blob(number: int) -> str:
    return f"{number:032x}"[::-1]


def pieces(number: int, count: int = 4) -> Iterator[bytes]:
    for _ in range(count):
        yield bytes([number % 256]) * KIB


def age(cache: Path, seconds: float) -> None:
    """As if nothing had been asked for in that time."""
    for path in cache.glob("*/*"):
        os.utime(path, (time.time() - seconds,) * 2)


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 64 * KIB)
    for number in range(16):
        cache.fill(blob(number), pieces(number))
    age(tmp_path, 1000)
    assert cache.find(blob(3)) is not None
    cache.fill(blob(99), pieces(99))
    left = {path.name for path in tmp_path.glob("??/*")}
    assert sum(path.stat().st_size for path in tmp_path.glob("??/*")) <= 64 * KIB
    assert {blob(3), blob(99)} < left


def test_what_is_held_stays_whatever_the_size(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 8 * KIB)
    for number in range(8):
        cache.fill(blob(number), pieces(number))
        assert cache.find(blob(number), hold=3600) is not None
    assert len(list(tmp_path.glob("??/*"))) == 8
    again = Cache(tmp_path, 8 * KIB)
    assert all(again.find(blob(number)) for number in range(8))


def test_what_did_not_pass_whole_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 64 * KIB)
    passing = cache.passing(blob(1), pieces(1), 4 * KIB)
    next(passing)
    passing.close()  # type: ignore[attr-defined]
    assert list(cache.passing(blob(2), pieces(2), 99)) == list(pieces(2))
    assert cache.find(blob(1)) is None
    assert cache.find(blob(2)) is None
    assert b"".join(cache.passing(blob(3), pieces(3), 4 * KIB)) == b"".join(pieces(3))
    found = cache.find(blob(3))
    assert found is not None
    assert found.read_bytes() == b"".join(pieces(3))
    assert not list((tmp_path / "drafts").iterdir())


def test_a_full_disk_stops_what_must_be_kept_and_nothing_else(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from tests.store.test_cache import blob, pieces
from sagewright.store.objects.cache import Cache
cache = Cache(Path({str(tmp_path)!r}), 1 << 30)
assert b"".join(cache.passing(blob(1), pieces(1, 20000), 20000 << 10)) == b"".join(pieces(1, 20000))
assert cache.find(blob(1)) is None
try:
    cache.fill(blob(2), pieces(2, 20000))
except OSError as error:
    print(error.strerror, len(list(Path({str(tmp_path)!r}, "drafts").iterdir())))
"""
    disk = ("bwrap", "--dev-bind", "/", "/", "--size", str(16 << 20), "--tmpfs", str(tmp_path), "--die-with-parent")
    said = subprocess.run([*disk, sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert said.stdout.split() == ["no", "space", "left", "but", "the", "reserve", "0"]


def test_drafts_of_the_killed_go_when_they_are_old(tmp_path: Path) -> None:
    Cache(tmp_path, KIB).close()
    old, young = tmp_path / "drafts" / "old", tmp_path / "drafts" / "young"
    for draft in (old, young):
        draft.write_bytes(b"half")
    os.utime(old, (0, time.time() - module.OLD_DRAFT - 1))
    Cache(tmp_path, KIB).close()
    assert [draft.name for draft in (tmp_path / "drafts").iterdir()] == ["young"]


def test_readers_find_whole_files_while_others_are_evicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two caches on one directory, as of two servers; a file may go at any moment, but not just after it was found."""
    monkeypatch.setattr(module, "QUIET", 2.0)
    monkeypatch.setattr(module, "FRESH", 0.2)
    caches = [Cache(tmp_path, 32 * KIB) for _ in range(2)]
    ended = threading.Event()
    troubles: list[str] = []
    found: list[bool] = []

    def look(cache: Cache) -> None:
        while not ended.wait(0.7):  # so that some are quiet for long enough to be evicted
            for number in range(0, 40, 1 + len(found) % 3):
                path = cache.find(blob(number))
                found.append(path is not None)
                try:
                    if path is not None and path.read_bytes() != b"".join(pieces(number)):
                        troubles.append("torn")
                except FileNotFoundError:
                    troubles.append("gone")

    threads = [threading.Thread(target=look, args=(caches[n % 2],)) for n in range(4)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 4.5
    for number in itertools.cycle(range(40)):
        if time.monotonic() > end:
            break
        if caches[number % 2].find(blob(number)) is None:
            caches[number % 2].fill(blob(number), pieces(number))
        elif number < 20:
            ended.wait(0.01)
    ended.set()
    for thread in threads:
        thread.join()
    assert any(found)
    assert not troubles
