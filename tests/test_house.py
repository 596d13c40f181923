"""The rules of the house that no linter knows: sizes, what the runtime may import, that existence is registration."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
MOST_LINES, MOST_FUNCTION_LINES = 500, 80


def modules(*patterns: str) -> Iterator[tuple[str, ast.Module]]:
    """Files below src that match, as name and syntax tree."""
    for pattern in patterns or ("**/*.py",):
        for path in sorted(SOURCE.glob(pattern)):
            yield str(path.relative_to(SOURCE)), ast.parse(path.read_text())


def test_files_stay_small() -> None:
    lines = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in SOURCE.rglob("*.py")}
    assert lines
    assert not {name: count for name, count in lines.items() if count > MOST_LINES}


def test_functions_stay_small() -> None:
    long = [
        f"{name}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for name, tree in modules()
        if "/migrations/" not in name  # a migration is a list of tables
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MOST_FUNCTION_LINES
    ]
    assert not long


def test_every_module_says_why_it_exists() -> None:
    assert not [name for name, tree in modules() if not ast.get_docstring(tree)]


def test_the_agent_needs_the_standard_library_alone() -> None:
    """It runs under whatever interpreter a job's environment has."""
    foreign = [
        f"{name}: {module}"
        for name, tree in modules("sagewright_runtime/*.py", "sagewright_runtime/agent/*.py")
        for node in ast.walk(tree)
        for module in imported(node)
        if module.split(".")[0] not in sys.stdlib_module_names | {"sagewright_runtime"}
    ]
    assert not foreign


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [node.module or ""]
    return []


def test_every_services_file_registers_something() -> None:
    """Existence is registration: a file that declares nothing is dead, or its decorator was lost."""
    silent = [
        name
        for name, tree in modules("sagewright/services/*/*.py")
        if not Path(name).name.startswith("_") and not called(tree) & {"operation", "Operation", "declare"}
    ]
    assert not silent


def called(tree: ast.Module) -> set[str]:
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {
        call.id if isinstance(call, ast.Name) else call.attr
        for call in calls
        if isinstance(call, ast.Name | ast.Attribute)
    }
