"""The generated pages tell the truth."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["coverage", "frameworks", "settings"])
def test_a_generated_page_is_fresh(page: str, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.md"
    subprocess.run([sys.executable, f"scripts/{page}.py", str(fresh)], cwd=ROOT, check=True, timeout=120)
    assert (ROOT / "docs" / f"{page}.md").read_text() == fresh.read_text(), "stale: run make docs"
