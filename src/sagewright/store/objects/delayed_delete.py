"""Blobs that nobody can find any more, and that somebody may still be reading: they stay for a while."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from sagewright.store.outages import Away

log = logging.getLogger(__name__)
OUTAGES = (Away, OSError)

GRACE = 30.0
"""Seconds for which the bytes of a replaced or deleted object stay, for readers that have its path but not yet the
file."""


class DelayedDelete:
    """Calls ``delete`` with blobs ``GRACE`` seconds after ``delete_later``, or when closed. Thread-safe."""

    def __init__(self, delete: Callable[[Sequence[str]], None]) -> None:
        self._delete = delete
        self._lock = threading.Lock()
        self._due: deque[tuple[float, Sequence[str]]] = deque()
        self._timer: threading.Timer | None = None
        self._closed = False

    def delete_later(self, blobs: Sequence[str]) -> None:
        """Delete ``blobs`` in a while."""
        if not blobs:
            return
        with self._lock:
            self._due.append((time.monotonic() + GRACE, blobs))
            self._set_timer()

    def clear(self) -> None:
        """Forget what waits for deletion."""
        with self._lock:
            self._due.clear()

    def close(self) -> None:
        """Delete what waits for deletion now; what cannot be deleted is left."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
        with suppress(*OUTAGES):
            self._delete_due(float("inf"))

    def _set_timer(self) -> None:
        if self._timer is None and self._due and not self._closed:
            self._timer = threading.Timer(max(0.0, self._due[0][0] - time.monotonic()) + 0.1, self._on_timer)
            self._timer.daemon = True
            self._timer.start()

    def _on_timer(self) -> None:
        try:
            self._delete_due(time.monotonic())
        except OUTAGES as error:
            log.warning("deleted objects still take room: %s", error)
        finally:
            with self._lock:
                self._timer = None
                self._set_timer()

    def _delete_due(self, now: float) -> None:
        """Delete what is due; what cannot be deleted now waits again."""
        while True:
            with self._lock:
                if not self._due or self._due[0][0] > now:
                    return
                blobs = self._due.popleft()[1]
            try:
                self._delete(blobs)
            except OUTAGES:
                with self._lock:
                    self._due.append((time.monotonic() + GRACE, blobs))
                raise
