"""Work that is done from time to time: delete expired events, cut logs to their size, condense old metrics."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sagewright.core.clock import Clock

log = logging.getLogger(__name__)

LOOK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Sweep:
    """Calls ``run`` every ``seconds``; the first time soon after the start. A run may be repeated at any moment."""

    name: str
    seconds: float
    run: Callable[[], object]


class Sweeper:
    """A thread that carries out sweeps when they are due. One that fails is logged, and tried again in its turn."""

    def __init__(self, sweeps: Sequence[Sweep], clock: Clock) -> None:
        self._clock = clock
        self._due = dict.fromkeys(sweeps, clock.now())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, once a sweep under way has ended."""
        self._ended.set()
        self._thread.join()

    def sweep(self) -> list[str]:
        """Carry out what is due; returns the names."""
        now = self._clock.now()
        due = [sweep for sweep, at in self._due.items() if at <= now and not self._ended.is_set()]
        for sweep in due:
            self._due[sweep] = now + sweep.seconds
            try:
                sweep.run()
            except Exception:
                log.exception("the sweep %r failed", sweep.name)
        return [sweep.name for sweep in due]

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.sweep()
