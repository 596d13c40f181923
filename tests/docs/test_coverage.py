"""docs/coverage.md tells the truth."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_coverage_page_is_fresh(tmp_path: Path) -> None:
    fresh = tmp_path / "coverage.md"
    subprocess.run([sys.executable, "scripts/coverage.py", str(fresh)], cwd=ROOT, check=True, timeout=120)
    assert (ROOT / "docs" / "coverage.md").read_text() == fresh.read_text(), "stale: run make docs"
