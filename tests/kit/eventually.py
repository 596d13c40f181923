"""Waiting for a condition instead of sleeping until it is probably true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest


def eventually(condition: Callable[[], Any], *, what: Callable[[], str], seconds: float = 30.0) -> Any:
    """The first truthy value of ``condition``; fails with ``what()`` when none comes in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    return pytest.fail(what())
