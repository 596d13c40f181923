"""The pages do not lie: links lead somewhere, named make targets, tests and sources exist, Python in them compiles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_make_targets_exist(page: Path) -> None:
    named = re.findall(r"(?:`|^    )make ([a-z]+)", page.read_text(), re.MULTILINE)
    assert set(named) <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_paths_exist(page: Path) -> None:
    """A path that begins at the root, such as one that a command gives to pytest, is there."""
    words = {word for code in re.findall(r"`([^`\n]+)`", page.read_text()) for word in code.split()}
    named = [word for word in words if word.startswith(("tests/", "src/", "scripts/", "benchmarks/", "examples/"))]
    assert not [word for word in named if not {"…", "<"} & set(word) and not list(ROOT.glob(word.split("::")[0]))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_compiles(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        compile(block, str(page), "exec")


def test_every_target_has_one_line_of_help() -> None:
    helped = set(re.findall(r"^([a-z]+):.*## \S", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"install", "demo", "up", "test", "lint", "types", "bench", "docs"} <= helped
    assert helped == TARGETS
