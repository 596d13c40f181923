"""Threads that carry out jobs, with a share for each holder, so that nobody holds them all.

They are daemons: a job that never ends does not keep the server from ending.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

log = logging.getLogger(__name__)
ANYBODY = "*"
"""The holder that stands for all of them; no key and no job has this name."""
Job = Callable[[], None]


class Workers:
    """At most ``threads`` jobs run at once, ``share`` of them for one holder; of one holder ``waiting`` may wait."""

    def __init__(self, name: str, threads: int, share: int, waiting: int = 4096) -> None:
        self._name, self._threads, self._share, self._most_waiting = name, threads, share, waiting
        self._lock = threading.Lock()
        self._ready: SimpleQueue[tuple[str, Job] | None] = SimpleQueue()
        self._under_way: dict[str, int] = {}
        """Jobs that run or are ready to, by holder."""
        self._sum = 0
        self._waiting: dict[str, deque[Job]] = {}
        self._started = 0
        self._closed = False

    def submit(self, holder: str, job: Job) -> bool:
        """Carry ``job`` out as soon as its holder's share allows; False, and not at all, where too many wait."""
        with self._lock:
            count = self._under_way.get(holder, 0)
            if count >= self._share:
                queue = self._waiting.setdefault(holder, deque())
                if len(queue) >= self._most_waiting:
                    return False
                queue.append(job)
                return True
            self._under_way[holder] = count + 1
            self._sum += 1
            more = self._sum > self._started < self._threads and not self._closed
            self._started += more
        self._ready.put((holder, job))
        if more:
            threading.Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True).start()
        return True

    @property
    def waiting(self) -> frozenset[str]:
        """The holders that wait for a thread: those at their share, and a stranger's where all threads are taken."""
        with self._lock:
            found = set(self._waiting)
            if self._sum > self._threads:
                found.add(ANYBODY)
            return frozenset(found)

    def full(self, holder: str) -> bool:
        """Whether a job of ``holder`` would have to wait now."""
        return self._sum >= self._threads or self._under_way.get(holder, 0) >= self._share

    def close(self) -> None:
        """Let the threads end once they have nothing to do; what waits is not carried out."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            count = self._started
        for _ in range(count):
            self._ready.put(None)

    def _work(self) -> None:
        while (item := self._ready.get()) is not None:
            holder, job = item
            del item
            try:
                job()
            except Exception:
                log.exception("a job of %s failed", self._name)
            del job  # else it stays in memory until the next one comes
            self._done(holder)

    def _done(self, holder: str) -> None:
        with self._lock:
            queue = self._waiting.get(holder)
            if queue:
                following = queue.popleft()
                if not queue:
                    del self._waiting[holder]
            else:
                count = self._under_way[holder] - 1
                self._sum -= 1
                if count:
                    self._under_way[holder] = count
                else:
                    del self._under_way[holder]
                return
        self._ready.put((holder, following))


class LoopExecutor(ThreadPoolExecutor):
    """What the event loop runs in threads by itself (``asyncio.to_thread``), in threads that do not hold the end up.

    It is a ``ThreadPoolExecutor`` because the loop takes no other.
    """

    def __init__(self, threads: int) -> None:
        super().__init__(1)
        self._workers = Workers("loop", threads, threads)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._workers.submit("", job)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - its signature
        self._workers.close()
