"""The rules of the house that no linter knows: sizes, what the runtime may import, that existence is registration."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src"
MOST_LINES, MOST_FUNCTION_LINES, MOST_MEMBERS = 500, 80, 24


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


def test_classes_stay_small() -> None:
    """``large_classes.txt`` names those that are not yet, and shrinks."""
    known = _listed("large_classes.txt")
    large = {
        f"{name}:{node.name}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and len(_members(node)) > MOST_MEMBERS
    }
    assert not large - known, f"these classes have more than {MOST_MEMBERS} fields and methods"
    assert not known - large, "these classes are small now, or gone: take them off tests/large_classes.txt"


def _members(node: ast.ClassDef) -> set[str]:
    """The names of a class's methods, and of its fields, be they declared or set in a method."""
    own = [target for each in node.body for target in _targets(each) if isinstance(target, ast.Name)]
    set_in_methods = [
        target
        for each in ast.walk(node)
        for target in _targets(each)
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
    ]
    methods = [each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {*methods, *(each.id for each in own), *(each.attr for each in set_in_methods)}


def _targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return [part for target in node.targets for part in getattr(target, "elts", [target])]
    return [node.target] if isinstance(node, ast.AnnAssign | ast.AugAssign) else []


def _listed(name: str) -> set[str]:
    return {line for line in (TESTS / name).read_text().splitlines() if line and not line.startswith("#")}


def test_every_module_says_why_it_exists() -> None:
    assert not [name for name, tree in modules() if not ast.get_docstring(tree)]


def test_the_agent_needs_the_standard_library_alone() -> None:
    """It runs under whatever interpreter a job's environment has."""
    foreign = [
        f"{name}: {module}"
        for name, tree in modules(
            "sagewright_runtime/*.py", "sagewright_runtime/agent/*.py", "sagewright_runtime/shared/*.py"
        )
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
        for name, tree in modules("sagewright/services/**/*.py")
        if not any(part.startswith("_") for part in Path(name).parts)
        and not called(tree) & {"operation", "Operation", "declare"}
    ]
    assert not silent


def test_work_reaches_the_objects_of_users_through_a_role_alone() -> None:
    """``engine/role_objects.py`` asks the role for each key; the store itself asks nobody."""
    raw = [
        f"{name}:{node.lineno}"
        for name, tree in modules("sagewright/services/sagemaker/**/*.py", "sagewright/engine/*.py")
        if name != "sagewright/engine/role_objects.py"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == "objects")
        or any(module.startswith("sagewright.store.objects") for module in imported(node))
    ]
    assert not raw


def called(tree: ast.Module) -> set[str]:
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {
        call.id if isinstance(call, ast.Name) else call.attr
        for call in calls
        if isinstance(call, ast.Name | ast.Attribute)
    }


def test_no_test_imports_from_a_test() -> None:
    """What tests share is in tests/kit."""
    wrong = [
        f"{path.relative_to(TESTS)}: {module}"
        for path in sorted(TESTS.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        for module in imported(node)
        if module.startswith("tests.") and module.rpartition(".")[2].startswith(("test_", "conftest"))
    ] + [
        f"{path.relative_to(TESTS)}: a relative import"
        for path in sorted(TESTS.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not wrong


def test_a_module_has_its_test() -> None:
    """``a/b.py`` is tested by ``a/test_b.py``; ``untested.txt`` names those that are not, and shrinks."""
    known = _listed("untested.txt")
    missing = set(_without_test())
    assert not missing - known, "these modules have no test of their own"
    assert not known - missing, "these modules have a test now, or are gone: take them off tests/untested.txt"


def _without_test() -> Iterator[str]:
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE)
        if path.name.startswith("__") or "migrations" in name.parts:
            continue
        if "packages" in name.parts:  # names of other projects' modules over packages_support.py, which has its test
            continue
        top, *folders = name.parts[:-1]
        place = TESTS.joinpath(*(["runtime"] if top == "sagewright_runtime" else []), *folders)
        if not (place / f"test_{path.stem.lstrip('_')}.py").exists():
            yield str(name)
