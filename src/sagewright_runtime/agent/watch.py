"""Beside a running process: its output, its time, its memory and the wish to stop it."""

from __future__ import annotations

import os
import select
import time

from sagewright_runtime.agent.disk import Disk
from sagewright_runtime.agent.output import Output
from sagewright_runtime.agent.process import Process
from sagewright_runtime.shared.limits import WATCH_SECONDS, Limiter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sagewright_runtime.agent.door import Door

_ASK_AGAIN_SECONDS = 0.02
_DRAIN_SECONDS = 2.0
_MATCH_SECONDS = 10.0
"""How long metrics are looked for in what an ended process printed; not at all in one that was to end."""
_COALESCE_SECONDS = 0.005


class Watch:
    """Follows ``process`` to its end; copies of its ``door`` are for servers that ask."""

    def __init__(
        self,
        process: Process,
        output: Output,
        limiter: Limiter,
        disk: Disk,
        max_runtime_seconds: float,
        door: Door | None = None,
    ) -> None:
        self._process = process
        self._door = door
        self._asked_for = -1 if door is None else door.descriptor
        self._output = output
        self._limiter = limiter
        self._disk = disk
        self._started = time.monotonic()
        self._max_runtime = max_runtime_seconds
        self._timed_out = False
        self._asked = False
        self._killed = False
        self._kill_at: float | None = None

    def until(self, ended: int, wake: int, grace: Callable[[], float | None], usual_grace: float) -> None:
        """Return when descriptor ``ended`` is readable. ``wake`` is readable after a signal.

        ``grace`` gives the seconds of a wished stop, or None while there is no wish; ``usual_grace`` is for a job
        that runs longer than it may.
        """
        poller = select.poll()
        for descriptor in (ended, wake, self._output.descriptor, self._asked_for):
            if descriptor >= 0:
                poller.register(descriptor, select.POLLIN)
        read_at = 0.0
        while True:
            ready = {descriptor for descriptor, _ in poller.poll(self._timeout())}
            if wake in ready:
                os.read(wake, 4096)
            if self._output.unmatched:
                self._output.drain(time.time())
            elif self._output.descriptor in ready:
                # Lines that come one by one are taken in handfuls; the pipe holds plenty meanwhile.
                time.sleep(max(0.0, min(_COALESCE_SECONDS, read_at + _COALESCE_SECONDS - time.monotonic())))
                if not self._output.drain(time.time()):
                    poller.unregister(self._output.descriptor)
                read_at = time.monotonic()
            if self._door is not None and self._asked_for in ready:
                self._door.serve()
            if ended in ready:
                os.close(ended)
                return
            self._enforce(grace, usual_grace)

    def _timeout(self) -> float | None:
        """Milliseconds until something is due; None waits for an event."""
        now = time.monotonic()
        due: list[float] = []
        if self._kill_at is not None and not self._killed:
            due.append(self._kill_at)
            if not self._asked:
                due.append(now + _ASK_AGAIN_SECONDS)
        elif self._max_runtime and not self._killed:
            due.append(self._started + self._max_runtime)
        if self._limiter.watches:
            due.append(now + WATCH_SECONDS)
        if not self._killed:
            due.append(self._disk.due)
        if self._output.unmatched:
            due.append(now)
        return max(0.0, min(due) - now) * 1000 + 1 if due else None

    def _enforce(self, grace: Callable[[], float | None], usual_grace: float) -> None:
        now = time.monotonic()
        if self._limiter.watches and self._limiter.watch(self._process.roots()):
            self._kill()
        if not self._killed and self._disk.look():
            self._kill()
        if self._kill_at is None:
            seconds = grace()
            if seconds is None and self._max_runtime and now >= self._started + self._max_runtime:
                self._timed_out = True
                seconds = usual_grace
            if seconds is not None:
                self._kill_at = now + seconds
        if self._kill_at is not None and not self._killed:
            self._asked = self._asked or self._process.ask()
            if now >= self._kill_at:
                self._kill()

    def _kill(self) -> None:
        self._killed = True
        self._process.kill()

    def drain(self) -> None:
        """Take what the ended process left in the pipe."""
        quiet_at = time.monotonic() + _DRAIN_SECONDS
        match_until = time.monotonic() + (_MATCH_SECONDS if self._kill_at is None else 0.0)
        while time.monotonic() < quiet_at:
            if self._output.unmatched and time.monotonic() > match_until:
                self._output.stop_matching(time.time())
            if not self._output.unmatched and not select.select([self._output.descriptor], [], [], 0.05)[0]:
                continue
            if not self._output.drain(time.time()):
                return
            if time.monotonic() < match_until:
                quiet_at = time.monotonic() + _DRAIN_SECONDS
        self._output.finish(time.time())
        self._output.stop_matching(time.time())

    def verdict(self, code: int, base: str) -> dict[str, Any]:
        """The end as a report's members."""
        from sagewright_runtime.agent import digest

        remembered = list(self._output.remembered)
        peak = self._limiter.peak_bytes()
        out_of_memory = code != 0 and self._limiter.out_of_memory()
        last = remembered[-1] if remembered else f"bubblewrap exited with code {code}"
        # Out of memory, cgroup v2 ends the whole group: bubblewrap cannot tell the exit code of what it started. Nor
        # can it when it is killed itself, which takes the sandbox along.
        if not self._process.ran() and not self._killed and not out_of_memory and not digest.signal_name(code):
            if not last.startswith("bwrap: execvp "):
                return {"reason": f"the sandbox could not start: {last}"}
            code = 126 if last.endswith("Permission denied") else 127  # as shells and container engines say it
            reason = f"cannot start {last.removeprefix('bwrap: execvp ')}"
        else:
            reason = digest.explain(code, remembered, base)
        if out_of_memory:
            limit = (
                f"out of memory, peak {digest.mebibytes(peak)} of {digest.mebibytes(self._limiter.memory_bytes)} limit"
            )
            reason = f"{reason}: {limit}" if digest.signal_name(code) else f"{limit}; {reason}"
        elif self._disk.reason:
            reason = f"{reason}: {self._disk.reason}"
        elif self._timed_out:
            reason = f"ran longer than {self._max_runtime:g} s and was stopped" + (f"; {reason}" if reason else "")
        return {
            "exit_code": code,
            "out_of_memory": out_of_memory,
            "timed_out": self._timed_out,
            "peak_memory_bytes": peak,
            "reason": reason,
        }
