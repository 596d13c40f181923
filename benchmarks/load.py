"""A load generator: one request sent over and over on N connections, the next as soon as an answer is complete.

python load.py PORT CONNECTIONS SECONDS REQUEST-FILE   →   {"rps": …, "p50": ms, "p99": ms, "errors": …}
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import cast

import httptools
import uvloop


class Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, request: bytes, latencies: list[float], errors: list[int]) -> None:
        self.request, self.latencies, self.errors = request, latencies, errors
        self.parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)
        self.send()

    def send(self) -> None:
        self.start = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.latencies.append(time.perf_counter() - self.start)
        if self.parser.get_status_code() != 200:
            self.errors.append(self.parser.get_status_code())
        self.send()

    def connection_lost(self, _error: Exception | None) -> None:
        self.errors.append(0)


async def main() -> None:
    port, connections, seconds, file = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])
    latencies: list[float] = []
    errors: list[int] = []
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Caller(file.read_bytes(), latencies, errors), "127.0.0.1", port)
    await asyncio.sleep(min(1.0, seconds / 3))
    latencies.clear()
    start = time.perf_counter()
    await asyncio.sleep(seconds)
    rps = len(latencies) / (time.perf_counter() - start)
    latencies.sort()
    at = {f"p{q}": 1000 * latencies[int(len(latencies) * q / 100)] for q in (50, 99)} if latencies else {}
    print(json.dumps({"rps": rps, **at, "errors": len(errors)}), flush=True)


uvloop.run(main())
