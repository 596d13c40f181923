"""Blobs in pieces: what CompleteMultipartUpload makes, read as it is and put together when a file is needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kit.eventually import eventually
from tests.kit.objects import open_store

from sagewright.store.objects import (
    Attributes,
    ObjectStore,
    StoredObject,
    background,
    delayed_delete,
)
from sagewright.store.objects.files import Files
from sagewright.store.objects.model import Extent
from sagewright.store.objects.reading import reading
from sagewright.store.objects.uploads import MIN_PART, Choice
from sagewright.store.outages import Coming
from sagewright.testing.objects import content, put
from sagewright.wire.http import BytesReader

ROOT = Path(__file__).parents[2]
PARTS = (Random(1).randbytes(MIN_PART), Random(2).randbytes(MIN_PART + 1), b"tail")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    store = open_store(tmp_path)
    store.create_bucket("one", "123456789012", "us-east-1")
    yield store
    store.close()


def on_disk(directory: Path) -> dict[str, tuple[int, int]]:
    """All files that hold bytes of objects: inode and size."""
    found = [path for kind in ("blobs", "pieces") for path in (directory / "objects" / kind).rglob("*")]
    return {str(path): (path.stat().st_ino, path.stat().st_size) for path in found if path.is_file()}


def uploaded(store: ObjectStore, key: str = "k") -> StoredObject:
    upload = store.uploads.create("one", key, Attributes())
    for number, data in enumerate(PARTS, 1):
        with store.receive(BytesReader(data)) as blob:
            store.uploads.put_part(upload, number, blob)
    parts = store.uploads.parts(upload)
    return store.uploads.complete(upload, [Choice(part.number, part.etag) for part in parts])


@settings(max_examples=60, deadline=None)
@given(
    sources=st.lists(st.lists(st.binary(max_size=5), min_size=1, max_size=5), min_size=1, max_size=3),
    data=st.data(),
)
def test_any_range_of_any_join_is_what_it_would_be_in_one_file(
    tmp_path_factory: pytest.TempPathFactory, sources: list[list[bytes]], data: st.DataObject
) -> None:
    """Also of joins of joins, and of empty pieces."""
    files = Files(tmp_path_factory.mktemp("files"))
    joined = []
    for number, some in enumerate(sources):
        extents = [Extent(f"{number}-{index}", len(piece)) for index, piece in enumerate(some)]
        for extent, piece in zip(extents, some, strict=True):
            files.write(extent.blob, BytesReader(piece), ())
        joined.append(Extent(f"join-{number}", sum(map(len, some))))
        files.join(joined[-1].blob, extents)
        files.remove([extent.blob for extent in extents])
    files.join("all", joined)
    whole = b"".join(piece for some in sources for piece in some)
    begin = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, len(whole) - begin))
    body = files.body(Extent("all", len(whole)), begin, length)
    assert body.length == length
    with reading(body) as reader:
        assert reader.read() == whole[begin : begin + length]
    (file,) = files.files([Extent("all", len(whole))])
    assert file.read_bytes() == whole
    files.close()


def test_completing_an_upload_copies_no_byte(store: ObjectStore, tmp_path: Path) -> None:
    upload = store.uploads.create("one", "k", Attributes())
    for number, data in enumerate(PARTS, 1):
        with store.receive(BytesReader(data)) as blob:
            store.uploads.put_part(upload, number, blob)
    before = set(on_disk(tmp_path).values())
    parts = store.uploads.parts(upload)
    stored = store.uploads.complete(upload, [Choice(part.number, part.etag) for part in parts])
    assert set(on_disk(tmp_path).values()) == before
    assert content(store, stored) == b"".join(PARTS)


def test_whoever_needs_a_file_gets_one_and_the_pieces_go(store: ObjectStore, tmp_path: Path) -> None:
    stored, whole = uploaded(store), b"".join(PARTS)
    (file,) = store.files([stored.extent])
    assert file.read_bytes() == whole
    assert file.stat().st_mode & 0o777 == 0o444
    assert content(store, stored) == whole
    assert store.files([stored.extent]) == [file]
    store.close()
    assert [size for _, size in on_disk(tmp_path).values()] == [len(whole)]


def test_a_large_file_is_put_together_in_the_background(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "WAIT_SECONDS", 0.0)
    stored = [uploaded(store, f"k{number}") for number in range(2)]

    def look() -> list[Path]:
        try:
            return list(store.files([each.extent for each in stored]))
        except Coming:
            return []

    assert look() == []
    assert [file.read_bytes() for file in eventually(look, what=lambda: "no files")] == [b"".join(PARTS)] * 2


def test_copies_and_deletions_leave_nothing(store: ObjectStore, tmp_path: Path) -> None:
    """A copy by its checksum shares the pieces; parts, source and replaced object go from the disk."""
    stored = uploaded(store)
    upload = store.uploads.create("one", "copy", Attributes())
    with store.duplicate(stored) as blob:
        store.uploads.put_part(upload, 1, blob)
    (part,) = store.uploads.parts(upload)
    copy = store.uploads.complete(upload, [Choice(1, part.etag)])
    store.delete("one", ["k"])
    assert content(store, copy) == b"".join(PARTS)
    put(store, "copy", b"new")
    store.close()
    assert [size for _, size in on_disk(tmp_path).values()] == [3]


@pytest.mark.parametrize("why", ["deleted", "merged"])
def test_a_slow_reader_keeps_the_pieces_that_it_has_not_opened(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(delayed_delete, "GRACE", 0.0)
    stored = uploaded(store)
    with store.reader(stored.extent, 0, stored.size) as reader:
        begin = reader.read(10)
        if why == "deleted":
            store.delete("one", ["k"])
        else:
            store.files([stored.extent])
        put(store, "other", b"1")
        put(store, "other", b"2")  # what is replaced goes in the same moments
        eventually(lambda: pieces_gone(tmp_path), what=lambda: "the pieces are still there")
        assert begin + reader.read() == b"".join(PARTS)
    store.close()
    left = [size for _, size in on_disk(tmp_path).values()]
    assert sorted(left) == ([1] if why == "deleted" else [1, stored.size])


def pieces_gone(directory: Path) -> bool:
    """Whether what was replaced is gone: of the two objects of one byte one is left."""
    return [size for _, size in on_disk(directory).values()].count(1) == 1


def test_wiped_pieces_go_with_the_rest(store: ObjectStore, tmp_path: Path) -> None:
    uploaded(store)
    store.wipe()
    assert on_disk(tmp_path) == {}
    with pytest.raises(FileNotFoundError):
        store.body(Extent("0" * 32, 1), 0, 1)


def test_a_killed_process_leaves_no_pieces_without_a_name(tmp_path: Path) -> None:
    """Those that no row names are found at the next start."""
    script = f"""
import os
from pathlib import Path
from tests.store.test_pieces import uploaded
from tests.kit.objects import open_store
store = open_store(Path("{tmp_path}"))
store.create_bucket("one", "123456789012", "us-east-1")
stored = uploaded(store)
with store.duplicate(stored, stored.checksum.algorithm), store._blobs.join([stored.extent]):
    os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
    assert len(on_disk(tmp_path)) > len(PARTS)
    store = open_store(tmp_path)
    assert content(store, store.head("one", "k")) == b"".join(PARTS)
    assert len(on_disk(tmp_path)) == len(PARTS)
    store.close()
