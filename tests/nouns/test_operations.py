"""The registry: a function is an operation by its decorator, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sagewright.core.errors import ValidationException
from sagewright.nouns import members, operations
from sagewright.nouns.members import register
from sagewright.nouns.operations import find, operation


@pytest.fixture(autouse=True)
def registry_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests register is gone after them."""
    monkeypatch.setattr(operations, "_operations", {})
    monkeypatch.setattr(members, "_tables", {})


def test_a_decorated_function_is_an_operation_once() -> None:
    @operation("test", "Once")
    def once(_call: Any, _request: Any) -> dict[str, str]:
        return {"said": "once"}

    found = find("test", "Once")
    assert found is not None
    assert found.handler is once
    with pytest.raises(ValueError, match="test:Once is registered twice"):
        operation("test", "Once")(once)
    assert find("test", "Never") is None


def test_what_the_table_refuses_does_not_reach_the_function(tmp_path: Path) -> None:
    table = tmp_path / "members.toml"
    table.write_text('[Guarded.refused]\n"Secret" = "say it aloud."\n')
    register("test", table)
    seen: list[Any] = []

    @operation("test", "Guarded")
    def guarded(_call: Any, request: Any) -> None:
        seen.append(request)

    found = find("test", "Guarded")
    assert found is not None
    call: Any = None
    with pytest.raises(ValidationException, match=r"^Secret is not supported yet: say it aloud\.$"):
        found.handler(call, {"Secret": "x"})
    found.handler(call, {"Open": "x"})
    assert seen == [{"Open": "x"}]
