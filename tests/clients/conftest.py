"""Environments as users have them, each with one unmodified client, and programs run in them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.kit.client_environments import client_bin

from sagewright.testing.server import ServerProcess

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "scripts"


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
