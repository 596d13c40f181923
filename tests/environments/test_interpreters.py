"""Interpreters are found by version, and what only looks like one is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sagewright.environments import interpreters
from sagewright.environments.interpreters import OWN, choose, find


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    find.cache_clear()


def test_the_servers_own_is_found_and_preferred() -> None:
    path = find(OWN)
    assert path is not None
    printed = subprocess.check_output([path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True)
    assert printed.strip() == OWN
    assert choose(["3.2", OWN]) == OWN
    assert choose(["3.2"]) is None


def test_pyenvs_are_found_and_shims_that_run_nothing_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that does not exist, so that no machine has it elsewhere."""
    shims, real = tmp_path / "shims", tmp_path / "pyenv/versions/3.2.6/bin"
    shims.mkdir()
    real.mkdir(parents=True)
    (shims / "python3.2").write_text("#!/bin/sh\necho 'pyenv: python3.2: command not found'\nexit 127\n")
    (real / "python3.2").write_text(f"#!/bin/sh\necho 3.2 {real}/python3.2\n")
    for program in (shims / "python3.2", real / "python3.2"):
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "nowhere"))
    assert find("3.2") is None
    find.cache_clear()
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert find("3.2") == str(real / "python3.2")
    assert choose(["3.1", "3.2"]) == "3.2"


def test_an_interpreter_of_another_version_is_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python3.2").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find("3.2") is None
    assert interpreters.find("3.2") is None
