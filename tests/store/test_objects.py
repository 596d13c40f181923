"""The object store on SQLite: its contract, a model check, crashes and concurrency."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.kit.objects import open_store

from sagewright.store.database import Database
from sagewright.store.objects import ObjectStore, StoredObject, checksums
from sagewright.store.objects.doubts import Doubts
from sagewright.store.schema import metadata
from sagewright.testing.objects import ObjectStoreCase, content, put
from sagewright.wire.http import BytesReader


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    store = open_store(tmp_path / "data")
    yield store
    store.close()


def files(directory: Path) -> list[Path]:
    return [path for path in (directory / "objects").rglob("*") if path.is_file()]


def file_of(store: ObjectStore, stored: StoredObject) -> Path:
    return store.files([stored.extent])[0]


class TestOnBothDatabases(ObjectStoreCase):
    @pytest.fixture
    def store(self, database: Database, tmp_path: Path) -> Iterator[ObjectStore]:
        store = ObjectStore(database, tmp_path / "objects")
        yield store
        store.close()


def test_deleted_bytes_leave_the_disk(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.create_bucket("one", "123456789012", "us-east-1")
    for data in (b"1", b"2"):
        put(store, "k", data)
    put(store, "gone", b"3")
    store.delete("one", ["gone"])
    store.close()
    assert [path.read_bytes() for path in files(tmp_path)] == [b"2"]


def test_objects_are_write_protected(store: ObjectStore) -> None:
    store.create_bucket("one", "123456789012", "us-east-1")
    assert file_of(store, put(store, "k")).stat().st_mode & 0o777 == 0o444


def test_checksums_are_those_of_the_standards() -> None:
    text = b"123456789"  # the check values of the catalogue of CRC algorithms, and of the hashes' reference programs
    expected = {
        "CRC32": zlib.crc32(text).to_bytes(4, "big"),
        "CRC32C": bytes.fromhex("e3069283"),
        "CRC64NVME": bytes.fromhex("ae8b14860a799888"),
        "SHA1": hashlib.sha1(text).digest(),
        "SHA256": hashlib.sha256(text).digest(),
        "SHA512": hashlib.sha512(text).digest(),
        "MD5": hashlib.md5(text).digest(),
        "XXHASH64": bytes.fromhex("8cb841db40e6ae83"),
    }
    for algorithm, digest in expected.items():
        hasher = checksums.new(algorithm)
        hasher.update(text[:4])
        hasher.update(text[4:])
        assert hasher.digest() == digest, algorithm
    pieces = [(checksums.encode(zlib.crc32(piece).to_bytes(4, "big")), len(piece)) for piece in (b"1234", b"56789")]
    assert checksums.combined("CRC32", pieces) == checksums.encode(expected["CRC32"])
    digests = base64.b64decode(pieces[0][0]) + base64.b64decode(pieces[1][0])
    composite = checksums.encode(zlib.crc32(digests).to_bytes(4, "big"))
    assert checksums.composite("CRC32", [value for value, _ in pieces]) == f"{composite}-2"
    with pytest.raises(ValueError, match="cannot be combined"):
        checksums.combined("SHA1", [])


def test_writers_of_one_key_never_mix(store: ObjectStore) -> None:
    store.create_bucket("one", "123456789012", "us-east-1")
    failures: list[str] = []

    def write(letter: bytes) -> None:
        for _ in range(25):
            put(store, "k", letter * 5000)
            found = store.head("one", "k")
            data = content(store, found) if found else b""
            if len(set(data)) != 1 or len(data) != 5000:
                failures.append(repr(data[:20]))

    threads = [threading.Thread(target=write, args=(bytes([65 + number]),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(store.list("one").objects) == 1


WRITER = """
import sys
from pathlib import Path
from sagewright.store.database import Database
from sagewright.store.objects import ObjectStore
from sagewright.wire.http import BytesReader
root = Path(sys.argv[1])
store = ObjectStore(Database(f"sqlite:///{root}/index.db"), root / "objects")
number = 0
while True:
    number += 1
    key = f"key-{number % 7}"
    with store.receive(BytesReader(f"{number} ".encode() * 3000)) as blob:
        store.put("one", key, blob)
    print(key, number, flush=True)
"""


def test_killed_writer_loses_nothing_and_tears_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.create_bucket("one", "123456789012", "us-east-1")
    store.close()
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        acknowledged: dict[str, int] = {}
        for line in writer.stdout:
            key, number = line.split()
            acknowledged[key] = int(number)
            if int(number) == 60:
                os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        assert max(acknowledged.values()) >= 60
        store = open_store(tmp_path)
        for info in store.list("one").objects:
            words = content(store, info).decode().split()
            assert len(words) == 3000
            assert set(words) == {words[0]}
            assert int(words[0]) >= acknowledged[info.key]
        store.close()
        assert len(files(tmp_path)) == len(acknowledged) == 7
    assert not list((tmp_path / "objects" / "doubt").iterdir())


HALF_WAY = """
import sys, time
from pathlib import Path
from sagewright.store.database import Database
from sagewright.store.objects import ObjectStore
from sagewright.wire.http import BytesReader
root = Path(sys.argv[1])
store = ObjectStore(Database(f"sqlite:///{root}/index.db"), root / "objects")
with store.receive(BytesReader(b"never named")) as blob:
    store.delete("one", ["old"])
    print(store.files([blob.extent])[0], flush=True)
    time.sleep(60)
"""


def test_start_sweeps_what_a_killed_process_left(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.create_bucket("one", "123456789012", "us-east-1")
    old = file_of(store, put(store, "old", b"deleted, but not yet from the disk"))
    kept = file_of(store, put(store, "kept", b"kept"))
    store.close()
    process = subprocess.Popen([sys.executable, "-c", HALF_WAY, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    half = Path(process.stdout.readline().strip())
    process.kill()
    process.wait()
    assert half.exists()
    assert old.exists()
    open_store(tmp_path).close()
    assert files(tmp_path) == [kept]


def test_sweep_leaves_the_living_alone(store: ObjectStore, tmp_path: Path) -> None:
    store.create_bucket("one", "123456789012", "us-east-1")
    with store.receive(BytesReader(b"in flight")) as blob:
        open_store(tmp_path / "data").close()
        stored = store.put("one", "k", blob)
    assert content(store, stored) == b"in flight"


KEY = st.text("ab/\u00e9\U0001f680", min_size=1, max_size=4)


class Model(RuleBasedStateMachine):
    """Puts, deletes, copies and lists against a dict."""

    @initialize()
    def begin(self) -> None:
        import tempfile

        self.directory = tempfile.TemporaryDirectory()
        self.store = open_store(Path(self.directory.name))
        self.store.create_bucket("one", "123456789012", "us-east-1")
        self.model: dict[str, bytes] = {}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            assert len([path for path in files(Path(self.directory.name)) if "blobs" in path.parts]) == len(self.model)
            self.directory.cleanup()

    @rule(key=KEY, data=st.binary(max_size=8))
    def put(self, key: str, data: bytes) -> None:
        put(self.store, key, data)
        self.model[key] = data

    @rule(names=st.lists(KEY, min_size=5, max_size=40))
    def put_many(self, names: list[str]) -> None:
        for name in names:
            self.put(name, b"")

    @rule(key=KEY)
    def delete(self, key: str) -> None:
        self.store.delete("one", [key])
        self.model.pop(key, None)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), to=KEY)
    def copy(self, data: st.DataObject, to: str) -> None:
        source = self.store.head("one", data.draw(st.sampled_from(sorted(self.model))))
        assert source is not None
        with self.store.duplicate(source) as blob:
            self.store.put("one", to, blob)
        self.model[to] = self.model[source.key]

    @rule(
        prefix=st.text("ab/", max_size=2),
        delimiter=st.sampled_from(["", "/", "b", "/a"]),
        after=st.text("ab/\u00e9", max_size=3),
        limit=st.integers(1, 6),
    )
    def list(self, prefix: str, delimiter: str, after: str, limit: int) -> None:
        expected = set()
        for key in self.model:
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            if key.startswith(prefix):
                expected.add(key if end < 0 else key[: end + len(delimiter)])
        found: list[str] = []
        start: str | None = after
        while start is not None:
            page = self.store.list("one", prefix=prefix, delimiter=delimiter, start_after=start, limit=limit)
            found += sorted([info.key for info in page.objects] + [*page.common_prefixes])
            start = page.next
        assert found == sorted(name for name in expected if name > after)

    @invariant()
    def same(self) -> None:
        if hasattr(self, "model"):
            found = {info.key: content(self.store, info) for info in self.store.list("one").objects}
            assert found == self.model


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


class TestDurable(ObjectStoreCase):
    """Every write reaches the disk before it is acknowledged; nothing else differs."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[ObjectStore]:
        database = Database(f"sqlite:///{tmp_path}/index.db", durable=True)
        metadata.create_all(database.engine)
        store = ObjectStore(database, tmp_path / "objects", durable=True)
        yield store
        store.close()


@pytest.mark.parametrize(("durable", "expected"), [(False, []), (True, ["fdatasync", "fsync"])])
def test_bytes_are_on_the_disk_before_the_index_names_them(tmp_path: Path, durable: bool, expected: list[str]) -> None:
    """What a put asks of the system before it asks the database anything, told by Python's profiler."""
    script = f"""
import os, sys
from pathlib import Path
from sagewright.store.database import Database
from sagewright.store.objects import ObjectStore
from sagewright.store.schema import metadata
from sagewright.testing.objects import put
database = Database("sqlite:///{tmp_path}/index.db", durable={durable})
metadata.create_all(database.engine)
store = ObjectStore(database, Path("{tmp_path}") / "objects", durable={durable})
store.create_bucket("one", "123456789012", "us-east-1")
for number in range(256):
    (Path("{tmp_path}") / "objects" / "blobs" / f"{{number:02x}}").mkdir(exist_ok=True)
calls = []
def profile(frame, event, argument):
    name = getattr(argument, "__name__", "")
    if event == "c_call" and name in ("fsync", "fdatasync", "execute"):
        calls.append(name)
sys.setprofile(profile)
with database.read() as connection:
    level = connection.exec_driver_sql("PRAGMA synchronous").scalar()
calls.clear()
put(store, "k", b"x")
sys.setprofile(None)
print(level, *calls[:calls.index("execute")])
"""
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert answer == ["2" if durable else "1", *expected]


def test_the_log_of_doubts_stays_small(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.create_bucket("one", "123456789012", "us-east-1")
    doubts = Doubts(tmp_path / "doubts")
    for number in range(20_000):
        doubts.add([f"{number:032x}"])
        if number % 1000:
            doubts.settle(f"{number:032x}")
    (log,) = (tmp_path / "doubts").glob("*/log")
    assert log.stat().st_size < 5000 * 33
    kept = {f"{number:032x}" for number in range(0, 20_000, 1000)}
    assert kept <= set(log.read_text().split())
    doubts.close()
    found: list[str] = []
    again = Doubts(tmp_path / "doubts")
    again.sweep(found.extend)
    assert kept <= set(found)
    assert len(found) == len(set(found))
    again.close()
    assert not list((tmp_path / "doubts").iterdir())
    store.close()
