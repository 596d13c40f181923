"""Work on blobs that takes longer than a caller may wait: done in the background, and asked after until it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock

from sagewright.store.outages import Coming

WAIT_SECONDS = 1.0
"""Seconds that one question waits."""


class BackgroundWork:
    """Does the work of each blob once, for however many ask for it. Thread-safe."""

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._lock = Lock()
        self._under_way: dict[str, Future[None]] = {}

    def wait_for(self, work: Mapping[str, Callable[[], None]], what: str) -> None:
        """Return when the work of every blob is done; raises ``Coming`` when that takes longer, and what it raises.

        ``what`` says in words what the work is: "files are being fetched".
        """
        with self._lock:
            for blob, act in work.items():
                if blob not in self._under_way:
                    self._under_way[blob] = self._pool.submit(act)
            wanted = {blob: self._under_way[blob] for blob in work}
        wait(wanted.values(), WAIT_SECONDS)
        done = {blob: future for blob, future in wanted.items() if future.done()}
        with self._lock:
            for blob in done:
                self._under_way.pop(blob, None)
        for future in done.values():
            future.result()
        if len(done) < len(wanted):
            raise Coming(f"{len(wanted) - len(done)} {what}")

    def close(self) -> None:
        """Wait for what is being done; what has not begun is left undone."""
        self._pool.shutdown(cancel_futures=True)
