"""Placement: what an ``ml.*`` instance type means on this machine, and how many instances run at one time."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

_SIZES = {"medium": 2, "large": 2, "xlarge": 4}
_GIB_PER_VCPU = {"c": 2.0, "m": 4.0, "t": 4.0, "r": 8.0, "g": 4.0, "p": 8.0, "x": 16.0}


@dataclass(frozen=True, slots=True)
class InstanceType:
    """Cores and bytes of memory of an ``ml.*`` type."""

    vcpus: int
    memory_bytes: int


def instance_type(name: str) -> InstanceType:
    """Read ``ml.m5.2xlarge`` by AWS's naming rule: family letter → memory a core, size → cores.

    Types that the rule does not know (new families, ``local``) count as four cores and 16 GiB.
    """
    match = re.fullmatch(r"ml\.([a-z]+)[0-9][a-z0-9-]*\.(?:(\d*)x?(large|medium)|metal.*)", name)
    if match is None or match[3] is None:
        return InstanceType(4, 16 << 30)
    size = "xlarge" if "xlarge" in name else match[3]
    vcpus = _SIZES[size] * int(match[2] or 1)
    units = 1 if size == "medium" else vcpus  # a medium has two cores, and the memory of one
    return InstanceType(vcpus, int(units * _GIB_PER_VCPU.get(match[1][0], 4.0) * 2**30))


def limits_on_this_machine(requested: InstanceType) -> InstanceType:
    """As much of ``requested`` as this machine has; 0 bytes of memory mean that only the machine limits it."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0))
    return InstanceType(min(requested.vcpus, cores), requested.memory_bytes if requested.memory_bytes < total else 0)


class Placement:
    """Counts the instances of running jobs. A job that does not fit waits in a queue, first come, first served.

    ``wake`` is called with the id of the job whose turn it is. A job that waits asks again after ``retry_seconds``
    at the latest: where servers share the work, the server that knew its turn may have died.
    """

    def __init__(self, capacity: int, wake: Callable[[str], None]) -> None:
        self.capacity = capacity or 2 * len(os.sched_getaffinity(0))
        self._wake = wake
        self.retry_seconds = 600.0
        self._held: dict[str, int] = {}
        self._queue: dict[str, int] = {}
        self._lock = threading.Lock()

    def acquire(self, holder: str, instances: int) -> bool:
        """Reserve ``instances``, or join the queue for them; True again for a holder that has them.

        A job larger than the machine runs alone.
        """
        with self._lock:
            if holder in self._held:
                return True
            self._queue.setdefault(holder, instances)
            if self._next() != holder:
                return False
            self._held[holder] = self._queue.pop(holder)
            turn = self._next()
        self._wake_up(turn)
        return True

    def has_room(self, instances: int) -> bool:
        """Whether a job of so many instances could start now. Another job may come first, so this is no promise."""
        with self._lock:
            return not self._queue and self._fits(instances)

    def enqueue(self, holder: str, instances: int) -> None:
        """Join the queue; ``holder`` is woken when its turn comes, which may be at once."""
        with self._lock:
            if holder not in self._held:
                self._queue.setdefault(holder, instances)
            turn = self._next()
        self._wake_up(holder if turn == holder else None)

    def holders(self) -> list[str]:
        """The jobs that run or wait, as far as this server knows."""
        with self._lock:
            return [*self._held, *self._queue]

    def follow(self, running: Mapping[str, int], ended: Collection[str]) -> None:
        """Copy what the store says of the jobs of all servers: instances of those that run, and those that ended."""
        with self._lock:
            for holder in (*ended, *running):
                self._held.pop(holder, None)
                self._queue.pop(holder, None)
            self._held.update(running)
            turn = self._next()
        self._wake_up(turn)

    def release(self, holder: str) -> None:
        """Free what ``holder`` reserved, or leave the queue; a holder with neither is no error."""
        with self._lock:
            self._held.pop(holder, None)
            self._queue.pop(holder, None)
            turn = self._next()
        self._wake_up(turn)

    def clear(self) -> None:
        """Forget all, after the state was wiped."""
        with self._lock:
            self._held.clear()
            self._queue.clear()

    def _next(self) -> str | None:
        """The first of the queue, if there is room for it."""
        for holder, instances in self._queue.items():
            return holder if self._fits(instances) else None
        return None

    def _fits(self, instances: int) -> bool:
        used = sum(self._held.values())
        return not used or used + instances <= self.capacity

    def _wake_up(self, holder: str | None) -> None:
        if holder is not None:
            self._wake(holder)
