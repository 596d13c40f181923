"""Properties of values on their way through the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def for_all(strategy: st.SearchStrategy[Any], test: Callable[[Any], None]) -> None:
    few = settings(
        max_examples=4, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    few(given(strategy)(test))()


def without_empty(value: Any) -> Any:
    """Without empty structures and maps, which only JSON can tell from absent ones."""
    if not isinstance(value, dict):
        return value
    kept = {name: without_empty(item) for name, item in value.items()}
    return {name: item for name, item in kept.items() if item != {}}
