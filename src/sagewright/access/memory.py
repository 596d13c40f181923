"""Values that are computed from IAM's state, and kept until it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sagewright.access.identity import GLOBAL
from sagewright.core.clock import Clock
from sagewright.store.resources import ResourceStore

T = TypeVar("T")
STALE_SECONDS = 5.0
MEMORY = 20_000
"""The most values that a memory keeps; when it is full it forgets all of them."""


class Memory(Generic[T]):
    """Values that hold until IAM changes, and no longer than ``STALE_SECONDS``."""

    def __init__(self, resources: ResourceStore, clock: Clock) -> None:
        self._resources = resources
        self._clock = clock
        self._kept: dict[Any, tuple[int, float, T]] = {}

    def get(self, key: object) -> T | None:
        """The value kept for ``key``, None when there is none any more."""
        found = self._kept.get(key)
        if found is None or found[0] != self._resources.changes(GLOBAL) or self._clock.now() >= found[1]:
            return None
        return found[2]

    def version(self) -> tuple[int, float]:
        """The state of IAM now. Take it before you compute a value, and give it to ``put``."""
        return self._resources.changes(GLOBAL), self._clock.now() + STALE_SECONDS

    def put(self, key: object, version: tuple[int, float], value: T) -> None:
        if len(self._kept) >= MEMORY:
            self._kept = {}
        self._kept[key] = (*version, value)

    def of(self, key: object, make: Callable[[], T]) -> T:
        """The value kept for ``key``; when there is none, ``make`` computes it."""
        found = self.get(key)
        if found is None:
            version = self.version()
            found = make()
            self.put(key, version, found)
        return found
