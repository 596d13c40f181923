"""Output without an end fills no disk: the agent stops at the limit, the store makes room, the agent goes on."""

from __future__ import annotations

import sys
from pathlib import Path

from sagewright.backends.plain import PlainBackend
from sagewright.store import log_files
from sagewright.testing.runs import Bench, eventually

LIMIT = 1 << 20
SCRIPT = """\
import os, sys, time
sys.stdout.write("x" * 5_000_000)  # one line
print()
while not os.path.exists(os.environ["GO"]):
    print("more " * 20)
    time.sleep(0.02)
print("the end")
"""


def make(root: Path, hint_socket: Path) -> PlainBackend:
    backend = PlainBackend(root, hint_socket)
    backend.log_limit = LIMIT
    return backend


def test_output_without_an_end(tmp_path: Path) -> None:
    bench = Bench(make, tmp_path, sys.prefix)
    workload = bench.workload(SCRIPT, env={"GO": str(tmp_path / "go")})
    log = Path(workload.log_files[0])
    handle = bench.start(workload)
    eventually(lambda: log.exists() and "has reached 1 MiB" in log.read_text())
    assert log.stat().st_size < LIMIT + 600_000

    def made_room_and_goes_on() -> bool:
        log_files.keep(log, LIMIT)
        return b"more more" in log.read_bytes()[-500:]

    eventually(made_room_and_goes_on)
    (tmp_path / "go").touch()
    bench.wait(handle)
    page = log_files.read(log, 0, 1_000_000, log_files.EVERYTHING)
    assert page.events[-1].message == "the end"
    assert log.stat().st_blocks * 512 < LIMIT + 600_000
    bench.close()
