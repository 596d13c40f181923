"""Preparation: environments are built in the background, so that an act only asks whether one is there yet.

A build has bounds of time and size, and ends with the last who waits for it. Each who waits is told of a failure once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sagewright.environments.builder import Builder, Wanted
from sagewright.environments.installer import Bounds, BuildFailed

log = logging.getLogger(__name__)

BUILD_SECONDS = 1800.0
BUILDS_AT_ONCE = 16
"""They mostly wait for a network, and more wait for one of them to end."""


@dataclass(slots=True)
class _Build:
    """A build under way or in line, and who waits for it."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    waiters: set[str] = field(default_factory=set)


class Preparation:
    """Builds each wanted environment once; ``wake`` is called with whoever waits when it is there, or failed."""

    def __init__(self, builder: Builder, wake: Callable[[str], None], seconds: float = BUILD_SECONDS) -> None:
        self._builder = builder
        self._wake = wake
        self._seconds = seconds
        self._builds: dict[Wanted, _Build] = {}
        self._failures: dict[tuple[str, Wanted], BuildFailed] = {}
        self._slots = threading.BoundedSemaphore(BUILDS_AT_ONCE)
        self._lock = threading.Lock()
        self._stopped = False

    def path(self, wanted: Wanted, waiter: str) -> Path | None:
        """The environment's root, or None while it is built; ``waiter`` is woken then. Raises ``BuildFailed``."""
        ready = self._builder.find(wanted)
        if ready is not None:
            self.forget(waiter, wanted)
            return ready
        with self._lock:
            failure = self._failures.pop((waiter, wanted), None)
            if failure is not None:
                raise failure
            if self._stopped:
                return None
            build = self._builds.get(wanted)
            if build is None:
                build = self._builds[wanted] = _Build()
                threading.Thread(
                    target=self._build, args=(wanted, build), name=f"build {wanted.spec.name}", daemon=True
                ).start()
            build.waiters.add(waiter)
        return None

    def forget(self, waiter: str, wanted: Wanted | None = None) -> None:
        """``waiter`` waits no longer, for ``wanted`` or at all; a build that nobody waits for is ended."""
        with self._lock:
            for failed in [each for each in self._failures if each[0] == waiter and wanted in (None, each[1])]:
                del self._failures[failed]
            for key, build in list(self._builds.items()):
                if waiter in build.waiters and wanted in (None, key):
                    build.waiters.discard(waiter)
                    if not build.waiters:
                        build.cancelled.set()
                        del self._builds[key]  # whoever comes now begins anew

    def _build(self, wanted: Wanted, build: _Build) -> None:
        failure: BuildFailed | None = None
        while not self._slots.acquire(timeout=1.0):
            if build.cancelled.is_set():
                return
        try:
            if not build.cancelled.is_set():
                bounds = Bounds(self._seconds, wanted.disk_bytes, build.cancelled)
                self._builder.build(wanted.spec, wanted.requirements, log.info, bounds)
        except BuildFailed as error:
            failure = error
        except Exception as error:
            log.exception("the build of %s broke", wanted.spec.name)
            failure = BuildFailed(f"the environment cannot be built: {error}")
        finally:
            self._slots.release()
            with self._lock:
                if self._builds.get(wanted) is build:
                    del self._builds[wanted]
                waiters = set(build.waiters)
                if failure is not None:
                    self._failures |= {(waiter, wanted): failure for waiter in waiters}
            for waiter in waiters:
                self._wake(waiter)

    def stop(self) -> None:
        """End the builds under way, and begin none."""
        with self._lock:
            self._stopped = True
            for build in self._builds.values():
                build.cancelled.set()
