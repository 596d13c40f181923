"""Environments as users have them, each with one unmodified client, and programs run in them."""

from __future__ import annotations

import fcntl
import functools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagewright.testing.server import ServerProcess

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "scripts"


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


@pytest.fixture(scope="session")
def shell(server: ServerProcess) -> dict[str, str]:
    """The environment after ``eval "$(sagewright env)"``."""
    return server.shell_env()


@pytest.fixture
def run_script(shell: dict[str, str], tmp_path: Path) -> Callable[[str, str], dict[str, Any]]:
    """``run_script("v2", "v2_sklearn.py")`` gives what the script writes into ``summary.json``."""

    def run(client: str, script: str) -> dict[str, Any]:
        command = [client_bin(client) / "python", SCRIPTS / script]
        done = subprocess.run(
            command, check=False, env=shell, cwd=tmp_path, capture_output=True, text=True, timeout=280
        )
        assert done.returncode == 0, (
            f"{script} ended with {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        )
        summary: dict[str, Any] = json.loads((tmp_path / "summary.json").read_text())
        return summary

    return run
