"""What is done from time to time, by one loop: sweeps, metrics to write, other servers to follow, changes to read."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)

FIRST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Task:
    """Calls ``run`` every ``seconds``, the first time soon after the start. A run may be repeated at any moment."""

    name: str
    seconds: float
    run: Callable[[], object]


class Periodic:
    """A thread that carries out tasks when they are due, one after the other.

    A task that fails is logged, and tried again in its turn. Tasks that may take long have a loop of their own, so that
    the others keep their pace. ``now`` is a clock that nobody sets.
    """

    def __init__(self, name: str, tasks: Sequence[Task], now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._due = {task: now() + min(task.seconds, FIRST_SECONDS) for task in tasks}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, once a task under way has ended. A loop that was never started has nothing to end."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def run_due(self) -> list[str]:
        """Carry out what is due; returns the names."""
        due = [task for task, at in self._due.items() if at <= self._now() and not self._ended.is_set()]
        for task in due:
            self._due[task] = self._now() + task.seconds
            try:
                task.run()
            except Exception:
                log.exception("%s failed", task.name)
        return [task.name for task in due]

    def _loop(self) -> None:
        while not self._ended.wait(max(0.0, min(self._due.values(), default=self._now() + 1) - self._now())):
            self.run_due()
