"""What a Python environment needs in a sandbox."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sagewright.environments.bubblewrap import python_roots


def test_an_environment_is_found_with_its_base_interpreter(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(os.path.realpath(sys.executable))
    roots = python_roots(str(tmp_path))
    assert roots[str(tmp_path)] == os.path.realpath(tmp_path)
    base = str(Path(os.path.realpath(sys.executable)).parents[1])
    assert base == "/usr" or base in roots.values()
