"""The object store with its bytes in an S3 elsewhere: moto's server, and another Sagewright."""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.kit.eventually import eventually

from sagewright.store.database import Database
from sagewright.store.objects import ObjectStore, background
from sagewright.store.objects.remote import Remote, tried
from sagewright.store.objects.s3_client import Location
from sagewright.store.outages import Coming
from sagewright.store.schema import metadata
from sagewright.testing.objects import ObjectStoreCase, content, put
from sagewright.testing.server import ServerProcess
from sagewright.wire.http import BytesReader, FileBody, fill

BUCKET = "elsewhere"
MIB = 1 << 20
_numbers = itertools.count()


class Elsewhere:
    """A bucket of an S3, and how to look at it past the store."""

    def __init__(self, options: dict[str, Any], keys: Path) -> None:
        self.s3 = boto3.client("s3", **options)
        self.s3.create_bucket(Bucket=BUCKET)
        keys.write_text(
            f"[default]\naws_access_key_id = {options['aws_access_key_id']}\n"
            f"aws_secret_access_key = {options['aws_secret_access_key']}\n"
        )
        self._options, self._keys = options, keys

    def location(self) -> Location:
        """A prefix that nobody used yet."""
        return Location(
            BUCKET, f"at/{next(_numbers)}/", self._options["endpoint_url"], credentials_file=str(self._keys)
        )

    def names(self, location: Location) -> set[str]:
        """The blobs there."""
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=location.prefix)
        names = {each["Key"].removeprefix(location.prefix) for each in listed.get("Contents", ())}
        return {name[3:] for name in names - {"owner"}}

    def uploads(self, location: Location) -> list[str]:
        """Names of the unfinished uploads there."""
        listed = self.s3.list_multipart_uploads(Bucket=BUCKET, Prefix=location.prefix)
        return [each["Key"] for each in listed.get("Uploads", ())]


@pytest.fixture(scope="module", params=["moto", "sagewright"])
def elsewhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    keys = tmp_path_factory.mktemp("keys") / "credentials"
    if request.param == "sagewright":
        with ServerProcess(tmp_path_factory.mktemp("external") / "data") as server:
            yield Elsewhere(server.client_options(), keys)
        return
    from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    options = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    yield Elsewhere({**options, "endpoint_url": f"http://{host}:{port}"}, keys)
    moto.stop()


def open_store(directory: Path, location: Location, cache: int = 64 * MIB) -> ObjectStore:
    directory.mkdir(exist_ok=True)
    database = Database(f"sqlite:///{directory}/index.db")
    metadata.create_all(database.engine)
    storage = Remote(location, directory / "cache", cache)
    storage.claim("me")
    return ObjectStore(database, directory / "objects", storage=storage)


@pytest.fixture
def location(elsewhere: Elsewhere) -> Location:
    return elsewhere.location()


@pytest.fixture
def store(tmp_path: Path, location: Location) -> Iterator[ObjectStore]:
    store = open_store(tmp_path / "data", location)
    yield store
    store.close()


@pytest.fixture
def one(store: ObjectStore) -> ObjectStore:
    store.create_bucket("one", "123456789012", "us-east-1")
    return store


class TestContract(ObjectStoreCase):
    """Nothing differs."""


def test_a_large_object_goes_in_parts_and_comes_in_pieces(
    one: ObjectStore, elsewhere: Elsewhere, location: Location
) -> None:
    data = os.urandom(21 * MIB)
    stored = put(one, "large", data)
    assert stored.etag == hashlib.md5(data).hexdigest()
    assert elsewhere.s3.head_object(Bucket=BUCKET, Key=key_of(location, stored.blob))["ETag"].endswith('-3"')
    with one.reader(stored.extent, 3, 17 * MIB) as reader:
        assert reader.read() == data[3 : 3 + 17 * MIB]
    assert not isinstance(one.body(stored.extent, 0, 10), FileBody)
    assert elsewhere.uploads(location) == []


def test_what_was_read_whole_is_read_from_the_cache(one: ObjectStore, elsewhere: Elsewhere, location: Location) -> None:
    stored = put(one, "k", b"bytes")
    assert content(one, stored) == b"bytes"
    elsewhere.s3.delete_object(Bucket=BUCKET, Key=key_of(location, stored.blob))
    part = one.body(stored.extent, 1, 3)
    assert isinstance(part, FileBody)
    assert content(one, stored) == b"bytes"


def test_files_are_fetched_in_the_background(
    one: ObjectStore, elsewhere: Elsewhere, location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "WAIT_SECONDS", 0.0)
    stored = [put(one, f"k{number}", bytes([number]) * MIB) for number in range(5)]
    extents = [each.extent for each in stored]

    def look() -> list[Path]:
        try:
            return list(one.files(extents))
        except Coming:
            return []

    assert look() == []
    files = eventually(look, what=lambda: "they never came")
    assert [file.read_bytes() for file in files] == [bytes([number]) * MIB for number in range(5)]
    gone = put(one, "gone", b"x")
    elsewhere.s3.delete_object(Bucket=BUCKET, Key=key_of(location, gone.blob))
    extents = [gone.extent]
    with pytest.raises(FileNotFoundError):
        eventually(look, what=lambda: "it is waited for")


def test_a_broken_write_leaves_nothing(one: ObjectStore, elsewhere: Elsewhere, location: Location) -> None:
    class Breaks:
        left = 20

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            if not self.left:
                raise ConnectionResetError("the client hung up")
            return b"x" * size

        def readinto(self, buffer: memoryview, /) -> int:
            return fill(self, buffer)

    with pytest.raises(ConnectionResetError), one.receive(Breaks()):
        pass
    assert elsewhere.names(location) == set()
    assert elsewhere.uploads(location) == []


def test_deleted_bytes_leave_the_bucket(one: ObjectStore, elsewhere: Elsewhere, location: Location) -> None:
    for number in range(3):
        put(one, "k", str(number).encode())
    kept = put(one, "kept", b"x")
    one.delete("one", ["k"])
    one.close()
    assert elsewhere.names(location) == {kept.blob}


def test_what_a_lost_machine_left_is_found_by_its_age(
    one: ObjectStore, elsewhere: Elsewhere, location: Location
) -> None:
    kept = put(one, "kept", b"x")
    stray = "0123456789abcdef" * 2
    elsewhere.s3.put_object(Bucket=BUCKET, Key=key_of(location, stray), Body=b"nobody's")
    elsewhere.s3.create_multipart_upload(Bucket=BUCKET, Key=key_of(location, "f" * 32))
    assert one.sweep_orphans(3600) == 0
    assert elsewhere.names(location) == {kept.blob, stray}
    assert one.sweep_orphans(-3600) == 1
    assert elsewhere.names(location) == {kept.blob}
    assert elsewhere.uploads(location) == []


def test_a_prefix_has_one_owner(one: ObjectStore, location: Location, tmp_path: Path) -> None:
    other = Remote(location, tmp_path / "other", MIB)
    other.claim("me")
    with pytest.raises(OSError, match=r"another installation.*SAGEWRIGHT_S3_PREFIX"):
        other.claim("you")
    other.close()


def key_of(location: Location, blob: str) -> str:
    return f"{location.prefix}{blob[:2]}/{blob}"


def wrong(location: Location, **changes: str) -> Callable[[Path], Remote]:
    return lambda path: Remote(replace(location, **changes), path, MIB)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"bucket": "not-there"}, r"SAGEWRIGHT_S3_BUCKET=not-there: there is no such bucket"),
        ({"endpoint": "http://127.0.0.1:9"}, r"SAGEWRIGHT_S3_ENDPOINT_URL=http://127.0.0.1:9: .*cannot be reached"),
        ({"credentials_file": "/nowhere", "profile": "none"}, r"SAGEWRIGHT_S3_CREDENTIALS_FILE.*none"),
    ],
)
def test_wrong_settings_are_named(location: Location, tmp_path: Path, changes: dict[str, str], told: str) -> None:
    with pytest.raises((OSError, ValueError), match=told):
        wrong(location, **changes)(tmp_path).claim("me")


def test_a_bucket_that_works_is_found_to_and_left_as_it_was(elsewhere: Elsewhere, location: Location) -> None:
    assert tried(location) == ""
    assert "Contents" not in elsewhere.s3.list_objects_v2(Bucket=BUCKET, Prefix=location.prefix)
    assert "SAGEWRIGHT_S3_BUCKET=not-there" in tried(replace(location, bucket="not-there"))


def test_https_is_trusted_by_the_authority_that_is_named(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "tls", arguments=("--tls",)) as server:
        location = Elsewhere(server.client_options(), tmp_path / "keys").location()
        assert "SAGEWRIGHT_S3_ENDPOINT_URL=https:" in tried(location)
        assert "SAGEWRIGHT_S3_CA_FILE=/nowhere" in tried(replace(location, ca_file="/nowhere"))
        trusting = open_store(tmp_path / "data", replace(location, ca_file=server.authority))
        trusting.create_bucket("one", "123456789012", "us-east-1")
        data = os.urandom(9 * MIB)
        assert content(trusting, put(trusting, "k", data)) == data
        trusting.close()


def test_what_is_missing_is_named(location: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ValueError, match=r"pip install 'sagewright\[s3\]'"):
        Remote(location, tmp_path, MIB)


def test_uploads_by_many_parts_are_joined_over_there(one: ObjectStore, elsewhere: Elsewhere) -> None:
    """Sizes around the edges of what the other side accepts as a part."""
    from sagewright.store.objects import Attributes
    from sagewright.store.objects.uploads import MIN_PART, Choice

    upload = one.uploads.create("one", "joined", Attributes())
    pieces = [*(os.urandom(MIN_PART + more) for more in (0, 1, 7)), b"end"]
    choices = []
    for number, piece in enumerate(pieces, 1):
        with one.receive(BytesReader(piece)) as blob:
            choices.append(Choice(number, one.uploads.put_part(upload, number, blob).etag))
    assert content(one, one.uploads.complete(upload, choices)) == b"".join(pieces)
