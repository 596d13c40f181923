"""What every object store must do. Subclass ``ObjectStoreCase`` in a test module and give it a ``store`` fixture."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sagewright.core.errors import AwsError
from sagewright.store.objects import Attributes, Blob, ObjectInfo, ObjectStore, StoredObject
from sagewright.store.objects.uploads import MIN_PART, Choice
from sagewright.wire.http import BytesReader

ODD_KEYS = (
    "a",
    "a/b",
    "a//b",
    "d/",
    "/",
    "//",
    "..",
    "../../etc/passwd",
    "./x",
    "/absolute",
    "~",
    "sp ace",
    "pl+us",
    "per%20cent",
    "quo\"te'",
    "\x01\x1f\x7f",
    "nul\0nul",
    "line\nbreak",
    "\u00e9",
    "e\u0301",
    "\U0001f680",
    "\uffff",
    "k" * 1024,
)


def put(store: ObjectStore, key: str, data: bytes = b"", bucket: str = "one") -> StoredObject:
    """Store ``data`` under ``key``."""
    with store.receive(BytesReader(data)) as blob:
        return store.put(bucket, key, blob)


def content(store: ObjectStore, what: ObjectInfo | Blob | None) -> bytes:
    """The bytes of an object that is there, or of a blob. Raises ``FileNotFoundError``."""
    assert what is not None
    with store.reader(what.extent, 0, what.extent.size) as reader:
        return reader.read()


def keys(store: ObjectStore, **arguments: str) -> list[str]:
    """All keys of bucket ``one`` that a listing gives, taken in pages of two."""
    result: list[str] = []
    after = arguments.pop("start_after", "")
    while True:
        page = store.list("one", limit=2, start_after=after, **arguments)
        names = [*(info.key for info in page.objects), *page.common_prefixes]
        assert len(names) <= 2
        result += sorted(names, key=str.encode)
        if page.next is None:
            return result
        assert page.next == result[-1]
        after = page.next


class ObjectStoreCase:
    """The contract of ``ObjectStore``."""

    @pytest.fixture(autouse=True)
    def _bucket(self, store: ObjectStore) -> None:
        store.create_bucket("one", "123456789012", "eu-west-1")

    def test_buckets(self, store: ObjectStore) -> None:
        store.create_bucket("another", "123456789012", "us-east-1")
        store.create_bucket("foreign", "999999999999", "us-east-1")
        assert [bucket.name for bucket in store.buckets("123456789012")] == ["another", "one"]
        bucket = store.bucket("one")
        assert bucket is not None
        assert (bucket.account, bucket.region) == ("123456789012", "eu-west-1")
        with pytest.raises(AwsError) as refused:
            store.create_bucket("one", "999999999999", "us-east-1")
        assert refused.value.code == "BucketAlreadyExists"
        assert store.bucket("none") is None

    def test_delete_bucket(self, store: ObjectStore) -> None:
        put(store, "k")
        store.uploads.create("one", "unfinished", Attributes())
        with pytest.raises(AwsError, match="not empty"):
            store.delete_bucket("one")
        store.delete("one", ["k"])
        store.delete_bucket("one")
        with pytest.raises(AwsError, match="does not exist"):
            store.delete_bucket("one")
        store.create_bucket("one", "123456789012", "eu-west-1")
        assert store.uploads.list("one") == []

    def test_object_comes_back(self, store: ObjectStore) -> None:
        data = bytes(range(256)) * 10_000
        attributes = Attributes({"ContentType": "x/y"}, {"colour": "grün"})
        with store.receive(BytesReader(data), "SHA256", ["CRC32"]) as blob:
            assert set(blob.sums.checksums) == {"SHA256", "CRC32"}
            stored = store.put("one", "k", blob, attributes)
        read = store.head("one", "k")
        assert read == stored
        assert read is not None
        assert content(store, read) == data
        assert (read.size, read.etag) == (len(data), hashlib.md5(data, usedforsecurity=False).hexdigest())
        assert (read.attributes, read.checksum.algorithm, read.parts) == (attributes, "SHA256", ())

    def test_odd_keys_are_all_different(self, store: ObjectStore) -> None:
        for key in ODD_KEYS:
            put(store, key, key.encode())
        assert keys(store) == sorted(ODD_KEYS, key=str.encode)
        for key in ODD_KEYS:
            stored = store.head("one", key)
            assert stored is not None
            assert content(store, stored) == key.encode()
        store.delete("one", ["a", "..", "not there"])
        assert set(keys(store)) == set(ODD_KEYS) - {"a", ".."}

    def test_bytes_that_are_not_put_are_lost(self, store: ObjectStore) -> None:
        with store.receive(BytesReader(b"x")) as blob:
            pass
        with pytest.raises(FileNotFoundError):
            content(store, blob)
        with pytest.raises(AwsError, match="bucket does not exist"), store.receive(BytesReader(b"x")) as blob:
            store.put("none", "k", blob)
        with pytest.raises(FileNotFoundError):
            content(store, blob)

    def test_readers_keep_what_they_found(self, store: ObjectStore) -> None:
        first = put(store, "k", b"first")
        put(store, "k", b"second")
        assert content(store, first) == b"first"
        store.delete("one", ["k"])
        assert store.head("one", "k") is None

    def test_guard_sees_the_old_object_and_can_refuse(self, store: ObjectStore) -> None:
        old_objects: list[StoredObject | None] = []

        def guard(old: StoredObject | None) -> None:
            old_objects.append(old)
            if old is not None:
                raise AwsError("no", code="PreconditionFailed")

        with store.receive(BytesReader(b"1")) as blob:
            first = store.put("one", "k", blob, guard=guard)
        with store.receive(BytesReader(b"2")) as blob, pytest.raises(AwsError, match="no"):
            store.put("one", "k", blob, guard=guard)
        with pytest.raises(AwsError, match="no"):
            store.delete("one", ["k"], guard)
        assert old_objects == [None, first, first]
        assert store.head("one", "k") == first

    def test_files_come_in_by_copy_or_move(self, store: ObjectStore, tmp_path: Path) -> None:
        source = tmp_path / "model.tar.gz"
        source.write_bytes(b"model")
        copied = store.put_file("one", "copied", source)
        moved = store.put_file("one", "moved", source, move=True)
        assert not source.exists()
        assert content(store, copied) == content(store, moved) == b"model"
        assert copied.etag == moved.etag
        assert copied.checksum == moved.checksum

    def test_a_file_given_away_is_kept_until_it_is_an_object(self, store: ObjectStore, tmp_path: Path) -> None:
        source = tmp_path / "model.tar.gz"
        source.write_bytes(b"model")
        with pytest.raises(AwsError, match="bucket does not exist"):
            store.put_file("none", "moved", source, move=True)
        assert source.read_bytes() == b"model"

    def test_links_and_folders_are_not_files(self, store: ObjectStore, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("/etc/passwd")
        for move in (False, True):
            for path in (tmp_path / "link", tmp_path, tmp_path / "missing"):
                with pytest.raises(OSError, match=r"link|file|directory|symbolic"):
                    store.put_file("one", "k", path, move=move)
        assert store.head("one", "k") is None

    def test_duplicate(self, store: ObjectStore) -> None:
        source = put(store, "k", b"bytes")
        for algorithm in (None, "SHA1"):
            with store.duplicate(source, algorithm) as blob:
                copy = store.put("one", "copy", blob)
            assert content(store, copy) == b"bytes"
            assert copy.etag == source.etag
            assert copy.checksum.algorithm == (algorithm or source.checksum.algorithm)

    def test_list(self, store: ObjectStore) -> None:
        for key in ("a", "a/1", "a/2", "b/x/1", "b/y/1", "c", "d/"):
            put(store, key)
        assert keys(store) == ["a", "a/1", "a/2", "b/x/1", "b/y/1", "c", "d/"]
        assert keys(store, prefix="a") == ["a", "a/1", "a/2"]
        assert keys(store, prefix="b/", delimiter="/") == ["b/x/", "b/y/"]
        assert keys(store, delimiter="/") == ["a", "a/", "b/", "c", "d/"]
        assert keys(store, delimiter="/", start_after="a/1") == ["b/", "c", "d/"]
        assert keys(store, delimiter="/", start_after="a") == ["a/", "b/", "c", "d/"]
        assert keys(store, prefix="b", start_after="a/2") == ["b/x/1", "b/y/1"]
        assert keys(store, prefix="b", start_after="z") == []
        assert store.list("one", limit=0) == store.list("none")

    def test_multipart(self, store: ObjectStore) -> None:
        upload = store.uploads.create("one", "k", Attributes({}, {"m": "1"}), "SHA256")
        pieces = [b"1" * MIN_PART, b"2" * MIN_PART, b"3"]
        for number in (3, 1, 2, 2):
            with store.receive(BytesReader(pieces[number - 1]), "SHA256") as blob:
                store.uploads.put_part(upload, number, blob)
        assert keys(store) == []
        assert store.uploads.list("one") == [upload]
        parts = store.uploads.parts(upload)
        assert [part.number for part in parts] == [1, 2, 3]
        completed = store.uploads.complete(upload, [Choice(part.number, part.etag) for part in parts])
        assert completed == store.head("one", "k")
        assert content(store, completed) == b"".join(pieces)
        assert [(part.number, part.size) for part in completed.parts] == list(enumerate(map(len, pieces), 1))
        assert [part.checksum for part in completed.parts] == [part.checksum for part in parts]
        assert completed.upload == upload.id
        assert completed.etag.endswith("-3")
        assert completed.checksum.value.endswith("-3")
        assert completed.attributes == upload.attributes
        assert store.uploads.list("one") == []
        with pytest.raises(AwsError) as refused:
            store.uploads.complete(upload, [Choice(part.number, part.etag) for part in parts])
        assert refused.value.code in ("NoSuchUpload", "InvalidPart")

    @pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
    def test_multipart_checksum_of_the_whole(self, store: ObjectStore, algorithm: str) -> None:
        upload = store.uploads.create("one", "k", Attributes(), algorithm, "FULL_OBJECT")
        pieces = [bytes(range(256)) * (MIN_PART // 256), b"tail"]
        choices = []
        for number, piece in enumerate(pieces, 1):
            with store.receive(BytesReader(piece), algorithm) as blob:
                choices.append(Choice(number, store.uploads.put_part(upload, number, blob).etag))
        with store.receive(BytesReader(b"".join(pieces)), algorithm) as blob:
            whole = store.put("one", "whole", blob)
        assert store.uploads.complete(upload, choices).checksum == whole.checksum

    def test_multipart_refusals(self, store: ObjectStore) -> None:
        upload = store.uploads.create("one", "k", Attributes())
        with store.receive(BytesReader(b"small")) as blob:
            etag = store.uploads.put_part(upload, 1, blob).etag
        with store.receive(BytesReader(b"small")) as blob:
            store.uploads.put_part(upload, 2, blob)
        for choices, code in (
            ([Choice(1, "0" * 32)], "InvalidPart"),
            ([Choice(9, etag)], "InvalidPart"),
            ([Choice(2, etag), Choice(1, etag)], "InvalidPartOrder"),
            ([Choice(1, etag), Choice(2, etag)], "EntityTooSmall"),
        ):
            with pytest.raises(AwsError) as refused:
                store.uploads.complete(upload, choices)
            assert refused.value.code == code
        store.uploads.abort(upload)
        with pytest.raises(AwsError, match="upload does not exist"):
            store.uploads.get("one", "k", upload.id)
        with store.receive(BytesReader(b"late")) as blob, pytest.raises(AwsError, match="upload does not exist"):
            store.uploads.put_part(upload, 1, blob)

    def test_wipe(self, store: ObjectStore) -> None:
        put(store, "k", b"x")
        store.wipe()
        assert store.buckets("123456789012") == []
        store.create_bucket("one", "123456789012", "eu-west-1")
        assert keys(store) == []
        assert content(store, put(store, "k", b"y")) == b"y"
