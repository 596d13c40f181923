"""What large bodies cost the server in memory."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import urllib3

from sagewright.testing.server import ServerProcess

SIZE, AT_ONCE = 20_000_000, 16
MOST = 60_000
"""KB by which the server may grow while it takes 16 bodies of 20 MB: two blocks each, and what the allocator keeps."""


def test_large_bodies_at_once_take_little_memory(server: ServerProcess, s3: Any, bucket: str) -> None:
    data = os.urandom(SIZE)
    urls = [
        s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": f"k{n}"}, ExpiresIn=600)
        for n in range(AT_ONCE)
    ]
    process = Path(f"/proc/{server.pid}")
    (process / "clear_refs").write_text("5")  # the peak is counted from here on
    before = _memory(process, "VmRSS")
    with urllib3.PoolManager(AT_ONCE) as pool, ThreadPoolExecutor(AT_ONCE) as senders:
        answers = list(senders.map(lambda url: pool.request("PUT", url, body=data), urls))
    assert [answer.headers.get("ETag") for answer in answers] == [f'"{hashlib.md5(data).hexdigest()}"'] * AT_ONCE
    assert _memory(process, "VmHWM") - before < MOST


def _memory(process: Path, which: str) -> int:
    """In KB."""
    lines = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return int(lines[which].split()[0])
