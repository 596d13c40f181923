"""ARCHITECTURE.md and the topic notes name files that are there, and ARCHITECTURE.md stays short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = (ROOT, ROOT / "src", ROOT / "src" / "sagewright", ROOT / "src" / "sagewright_runtime")
PAGES = (ROOT / "ARCHITECTURE.md", *(ROOT / "docs" / "design").glob("*.md"))
NAMED = sorted(
    {name for page in PAGES for name in re.findall(r"`([\w/.]+(?:\.(?:py|toml|md|json)|/))`", page.read_text())}
)
IN_THE_DATA_DIRECTORY = {"objects/", "logs/", "runs/", "tls/", "server.json", "credentials.json", "exit.json"}


@pytest.mark.parametrize("name", [name for name in NAMED if name not in IN_THE_DATA_DIRECTORY])
def test_a_named_file_is_there(name: str) -> None:
    bare = list((ROOT / "src").rglob(name)) if "/" not in name else []
    assert bare or any((place / name).exists() for place in PLACES), "no such file"


def test_architecture_stays_short() -> None:
    """Why-notes of a topic stand in docs/design."""
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 200
