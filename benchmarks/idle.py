"""What a server with nothing to do costs."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.tools import client, sagewright_server, table

SECONDS = 20.0
TICKS = os.sysconf("SC_CLK_TCK")


def run() -> str:
    with sagewright_server() as server:
        client("sagemaker", server).list_training_jobs()
        time.sleep(3)  # what starting up left to do is not idling
        before, start = cpu_seconds(server.pid), time.monotonic()
        time.sleep(SECONDS)
        used = (cpu_seconds(server.pid) - before) / (time.monotonic() - start)
        rows = [
            ["memory of the server and all its processes (PSS)", f"{memory_bytes(server.pid) / 2**20:.0f} MiB"],
            [f"processor time over {SECONDS:.0f} s", f"{100 * used:.2f} % of one core"],
            ["processes", str(len(tree(server.pid)))],
        ]
    return "## A server with nothing to do\n\nAfter its first call.\n\n" + table(["", ""], rows)


def tree(root: int) -> list[int]:
    """A process and all its descendants."""
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def cpu_seconds(root: int) -> float:
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in tree(root)]
    return sum(int(field[11]) + int(field[12]) for field in fields) / TICKS


def memory_bytes(root: int) -> int:
    lines = (Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() for pid in tree(root))
    return 1024 * sum(int(line.split()[1]) for text in lines for line in text if line.startswith("Pss:"))
