"""S3 against moto's server and a sink: put and get of 1 KB, 10 MB and 500 MB, and a plain copy of the same file."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from benchmarks.tools import PEER_PYTHON, ROOT, Headers, free_port, keys_of, peer, sagewright_server, span, table

KB, MB = 1000, 1_000_000
SMALL, TURNS = 200, 5
LARGE = 500 * MB

TEXT = """\
## S3, against moto's server

1 KB and 10 MB: requests as boto3 makes them for plain HTTP (the signature covers the body's SHA-256), signed
beforehand and sent one after the other on one connection, by a client that does no more than move the bytes. 500 MB
with boto3: `upload_file` and `download_file` as they are, which is 60 parts on ten threads; with curl: one request of a
presigned URL. Client and server share the cores. Ours verifies each signature and hash, keeps MD5 and CRC64NVME of
what it stores, and writes files and an index; moto keeps objects in memory or a temporary file and verifies nothing.
Ours runs as it comes, with `SAGEWRIGHT_DURABILITY=process`; the last row is with `commit`. The *sink*
(`benchmarks/sink.py`) is a server that throws away what it is sent, in the kernel, and answers with zeros out of the
page cache: what the client and the loopback leave to any server on the same cores. The *copy* is one of the same file
to where the downloads go.
"""
Side = tuple[str, Credentials]


def run() -> str:
    port = free_port()
    moto = peer("-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), port=port, wait_for="/moto-api/")
    nothing = free_port()
    sink = peer(ROOT / "benchmarks" / "sink.py", str(nothing), port=nothing)
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="sagewright-bench-") as folder:
        source = _file(Path(folder) / "source", LARGE)
        with sagewright_server() as server, moto as moto_url, sink as sink_url:
            sides: dict[str, Side] = {
                "ours": (server.url, keys_of(server)),
                "moto": (moto_url, Credentials("a", "b")),
                "sink": (sink_url, Credentials("a", "b")),
            }
            for side in sides.values():
                _client(side).create_bucket(Bucket="bench")
            before = _peak(server.pid)
            rows += _small_rows(sides)
            rows += _medium_rows(sides)
            rows += _large_rows(sides, source)
            grown = f"{(_peak(server.pid) - before) / 1000:.0f} MB"
        rows += _durable_rows()
    header = ["", "Sagewright", "moto", "ours / moto", "sink", "ours / sink", "ours / copy"]
    table_ = table(header, [[*row, *[""] * (len(header) - len(row))] for row in rows])
    return f"{TEXT}\n{table_}\nThe server's peak of memory grew by {grown} over all of it.\n"


def _turns(sides: dict[str, Side], measure: Callable[[Side, int], float], turns: int = TURNS) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns):
        for name, side in sides.items():
            found[name].append(measure(side, turn))
    return found


def _row(title: str, found: dict[str, list[float]], form: str = ",.0f") -> list[str]:
    row = [title, span(found["ours"], form)]
    for other in ("moto", "sink"):
        ratios = [a / b for a, b in zip(found["ours"], found[other], strict=True)]
        row += [span(found[other], form), span(ratios, ".2f")]
    return row


def _small_rows(sides: dict[str, Side]) -> list[list[str]]:
    data = os.urandom(KB)
    puts = _turns(sides, lambda side, turn: SMALL / put_all(side, [f"k/{turn}-{i}" for i in range(SMALL)], data))
    gets = _turns(sides, lambda side, turn: SMALL / get_all(side, [f"k/{turn}-{i}" for i in range(SMALL)], KB))
    return [_row("put 1 KB, a second", puts), _row("get 1 KB, a second", gets)]


def _medium_rows(sides: dict[str, Side]) -> list[list[str]]:
    data, names = os.urandom(10 * MB), [f"m/{i}" for i in range(5)]
    puts = _turns(sides, lambda side, _: len(names) * 10 / put_all(side, names, data))
    gets = _turns(sides, lambda side, _: len(names) * 10 / get_all(side, names, 10 * MB))
    floor = [_timed(lambda: hashlib.md5(data), 10) for _ in range(TURNS)]
    return [
        _row("put 10 MB, MB/s", puts),
        ["MD5 of it, its ETag, in one thread, MB/s", span(floor)],
        _row("get 10 MB, MB/s", gets),
    ]


def _large_rows(sides: dict[str, Side], source: Path) -> list[list[str]]:
    target = source.with_name("target")
    acts: dict[str, Callable[[Side], float]] = {
        "put 500 MB with boto3": lambda side: _by_boto3(side, "put", source),
        "get 500 MB with boto3": lambda side: _by_boto3(side, "get", target),
        "put 500 MB with curl": lambda side: _by_curl("-T", source, _presigned(side, "put_object")),
        "get 500 MB with curl": lambda side: _by_curl("-o", target, _presigned(side, "get_object")),
    }
    rows, all_copies = [], []
    for title, act in acts.items():
        copies = [_timed(lambda: _copy(source, target)) for _ in range(3)]
        found = _turns(sides, lambda side, _, act=act: act(side), 3)  # type: ignore[misc]
        ratios = [a / b for a, b in zip(found["ours"], copies, strict=True)]
        rows.append([*_row(f"{title}, MB/s", found), span(ratios, ".2f")])
        all_copies += copies
    return [*rows, ["plain copy of the file over another, MB/s", span(all_copies)]]


def _by_boto3(side: Side, kind: str, file: Path) -> float:
    keys = {"AWS_ACCESS_KEY_ID": side[1].access_key, "AWS_SECRET_ACCESS_KEY": side[1].secret_key}
    command: list[str | Path] = [
        PEER_PYTHON,
        ROOT / "benchmarks" / "transfer.py",
        kind,
        side[0],
        "bench",
        "large",
        file,
    ]
    done = subprocess.run(command, env=os.environ | keys, check=True, stdout=subprocess.PIPE)
    return LARGE / MB / float(done.stdout)


def _presigned(side: Side, operation: str) -> str:
    return str(_client(side).generate_presigned_url(operation, Params={"Bucket": "bench", "Key": "large"}))


def _by_curl(option: str, file: Path, url: str) -> float:
    quietly = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "-H", "Expect:"]
    return _timed(lambda: subprocess.run([*quietly, option, file, url], check=True))


def _durable_rows() -> list[list[str]]:
    data = os.urandom(KB)
    with sagewright_server("--durability", "process") as fast, sagewright_server("--durability", "commit") as safe:
        sides: dict[str, Side] = {"process": (fast.url, keys_of(fast)), "commit": (safe.url, keys_of(safe))}
        for side in sides.values():
            _client(side).create_bucket(Bucket="bench")
        puts = _turns(sides, lambda side, turn: SMALL / put_all(side, [f"k/{turn}-{i}" for i in range(SMALL)], data))
    return [[f"put 1 KB, `SAGEWRIGHT_DURABILITY={name}`, a second", span(found)] for name, found in puts.items()]


def put_all(side: Side, names: list[str], data: bytes) -> float:
    """Seconds to put ``data`` under all names."""
    digest = hashlib.sha256(data).hexdigest()
    return _send(side, "PUT", [(name, _signed(side, "PUT", name, digest)) for name in names], data, 0)


def get_all(side: Side, names: list[str], size: int) -> float:
    """Seconds to get objects of ``size`` bytes."""
    digest = hashlib.sha256(b"").hexdigest()
    return _send(side, "GET", [(name, _signed(side, "GET", name, digest)) for name in names], b"", size)


def _send(side: Side, method: str, requests: list[tuple[str, Headers]], data: bytes, size: int) -> float:
    room = memoryview(bytearray(size + 1000))  # the generator is to be no slower than it must: no new memory each time
    with closing(HTTPConnection(side[0].removeprefix("http://"), timeout=120)) as connection:
        connection.connect()
        start = time.perf_counter()
        for name, headers in requests:
            connection.request(method, f"/bench/{name}", data or None, headers)
            response = connection.getresponse()
            count = 0
            while got := response.readinto(room[count:]):
                count += got
            if response.status != 200 or count != size:
                raise RuntimeError(f"{response.status}: {bytes(room[:400])!r}")
        return time.perf_counter() - start


def _signed(side: Side, method: str, name: str, digest: str) -> Headers:
    class Auth(S3SigV4Auth):
        def payload(self, request: Any) -> str:  # noqa: ARG002 - botocore calls it so
            return digest

    request = AWSRequest(method, f"{side[0]}/bench/{name}")
    Auth(side[1], "s3", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def _client(side: Side) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=side[0],
        region_name="us-east-1",
        aws_access_key_id=side[1].access_key,
        aws_secret_access_key=side[1].secret_key,
        config=Config(proxies={}),
    )


def _timed(act: Callable[[], object], megabytes: float = LARGE / MB) -> float:
    """MB a second."""
    start = time.perf_counter()
    act()
    return megabytes / (time.perf_counter() - start)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as write:
        shutil.copyfileobj(read, write, MB)


def _file(path: Path, size: int) -> Path:
    block = os.urandom(MB)
    with path.open("wb") as file:
        for _ in range(size // MB):
            file.write(block)
    return path


def _peak(pid: int) -> int:
    """The most memory that a process has had, in KB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    sys.stdout.write(run())
