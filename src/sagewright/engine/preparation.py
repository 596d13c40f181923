"""Preparation: environments are built in the background, so that an act only asks whether one is there yet."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from sagewright.environments.builder import Builder
from sagewright.environments.catalog import EnvironmentSpec

log = logging.getLogger(__name__)


class Preparation:
    """Builds each wanted environment once; whoever waits is woken when it is there."""

    def __init__(self, builder: Builder, wake: Callable[[str], None]) -> None:
        self._builder = builder
        self._wake = wake
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="environments")
        self._builds: dict[tuple[EnvironmentSpec, str | None], Future[Path]] = {}
        self._waiting: dict[tuple[EnvironmentSpec, str | None], set[str]] = {}
        self._lock = threading.Lock()

    def path(self, spec: EnvironmentSpec, requirements: str | None, waiter: str) -> Path | None:
        """The environment's root, or None while it is built; ``waiter`` is woken then. Raises ``BuildFailed``."""
        ready = self._builder.ready(spec, requirements)
        if ready is not None:
            return ready
        key = (spec, requirements)
        with self._lock:
            build = self._builds.get(key)
            if build is None:
                build = self._builds[key] = self._pool.submit(self._build, key)
            if not build.done():
                self._waiting.setdefault(key, set()).add(waiter)
                return None
            del self._builds[key]
        return build.result()

    def _build(self, key: tuple[EnvironmentSpec, str | None]) -> Path:
        try:
            return self._builder.build(*key, log=log.info)
        finally:
            with self._lock:
                waiters = self._waiting.pop(key, set())
            for waiter in waiters:
                self._wake(waiter)

    def stop(self) -> None:
        """Begin no further builds."""
        self._pool.shutdown(wait=False, cancel_futures=True)
