"""``scripts/setup.sh`` on a machine whose way to the package index is broken."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What setting up reads, and nothing that was set up."""
    for name in ("scripts/setup.sh", "pyproject.toml", "uv.lock", "README.md", "LICENSE"):
        target = tmp_path / "tree" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    (tmp_path / "bin").mkdir()
    return tmp_path / "tree"


@pytest.fixture
def dead_proxy() -> Iterator[str]:
    """A proxy at a port where nobody listens; nobody else can take it meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://user:secret@127.0.0.1:{bound.getsockname()[1]}"


def setup(tree: Path, proxy: str) -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": f"{tree.parent / 'bin'}:{Path(sys.executable).parent.parent / 'no'}:/usr/bin:/bin",
        "HOME": str(tree.parent),
        "PYTHON": os.path.realpath(sys.executable),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "0",
        "UV_HTTP_RETRIES": "0",
        "UV_NO_CONFIG": "1",
        "HTTPS_PROXY": proxy,
        "HTTP_PROXY": proxy,
    }
    command = ["bash", str(tree / "scripts" / "setup.sh")]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("with_uv", [False, True])
def test_a_dead_proxy_is_named_and_not_pip(tree: Path, dead_proxy: str, with_uv: bool) -> None:
    if with_uv:
        (tree.parent / "bin" / "uv").symlink_to(UV)
    done = setup(tree, dead_proxy)
    assert done.returncode == 1, done.stderr
    assert f"HTTPS_PROXY={dead_proxy.partition('@')[2]}" in done.stderr
    assert "secret" not in done.stderr
    assert "https://pypi.org/simple" in done.stderr
    assert "apt-get" not in done.stderr
    assert not (tree / ".venv" / ".ready").exists()
