"""The rules of the house that no linter knows: sizes, what the runtime may import, that existence is registration."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
FILES = sorted(SOURCE.rglob("*.py"))
MOST_LINES, MOST_FUNCTION_LINES = 500, 80


def name(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    long = [
        f"{node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MOST_FUNCTION_LINES
    ]
    assert not long


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_module_says_why_it_exists(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize(
    "path",
    sorted((SOURCE / "sagewright_runtime").glob("*.py")) + sorted((SOURCE / "sagewright_runtime").glob("agent/*.py")),
    ids=name,
)
def test_the_runtime_needs_the_standard_library_alone(path: Path) -> None:
    imported = {
        module.split(".")[0]
        for node in ast.parse(path.read_text()).body
        for module in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and node.level == 0
            else []
        )
    }
    assert imported <= sys.stdlib_module_names | {"sagewright_runtime"}


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(SOURCE.glob("sagewright/services/*/*.py")) if not path.name.startswith("_")],
    ids=name,
)
def test_a_services_file_registers_something(path: Path) -> None:
    """Existence is registration: a file that declares no operation and no kind is dead, or its decorator was lost."""
    calls = {
        node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
    }
    assert calls & {"operation", "add", "declare"}
