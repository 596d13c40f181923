"""Environments for tests that run real frameworks: built once in the user's cache and kept there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sagewright.core.config import Settings
from sagewright.environments.builder import Builder
from sagewright.environments.catalog import named


@pytest.fixture(scope="session")
def environment() -> Callable[..., Path]:
    """``environment("xgboost-3.0-5")`` is the root of that environment; with ``requirements``, of a layer on it."""
    builder = Builder(Settings.from_env().cache_dir)
    return lambda name, requirements=None: builder.build(named(name), requirements)
