"""Environments of unmodified clients, as `make` builds them."""

from __future__ import annotations

import fcntl
import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


@functools.cache
def made(name: str) -> Path:
    """``.clients/<name>``, made if it is not there; two test processes may ask at once."""
    with (ROOT / "Makefile").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "--silent", f".clients/{name}/.ready"], cwd=ROOT, check=True, timeout=900)
    return ROOT / ".clients" / name


def client_bin(name: str) -> Path:
    """Where a client's programs are."""
    return made(name) / "bin"
