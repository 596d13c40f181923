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


def here(wanted: InstanceType) -> InstanceType:
    """As much of ``wanted`` as this machine has; 0 bytes of memory mean: no limit but the machine's."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0))
    return InstanceType(min(wanted.vcpus, cores), wanted.memory_bytes if wanted.memory_bytes < total else 0)


class Placement:
    """Counts the instances of work that ends. What does not fit waits in line, first come, first served.


    ``wake`` is called with the holder whose turn it is. ``patience`` is how many seconds one waits for that at most;
    where servers share the work, another may have taken it over, or died with its line.
    """

    def __init__(self, capacity: int, wake: Callable[[str], None]) -> None:
        self.capacity = capacity or 2 * len(os.sched_getaffinity(0))
        self._wake = wake
        self.patience = 600.0
        self._held: dict[str, int] = {}
        self._line: dict[str, int] = {}
        self._lock = threading.Lock()

    def acquire(self, holder: str, instances: int) -> bool:
        """Hold room for ``instances``, or stand in line for it; True again for a holder that has it.

        A job larger than the machine runs alone.
        """
        with self._lock:
            if holder in self._held:
                return True
            self._line.setdefault(holder, instances)
            if self._next() != holder:
                return False
            self._held[holder] = self._line.pop(holder)
            following = self._next()
        self._tell(following)
        return True

    def room(self, instances: int) -> bool:
        """Whether who comes now for ``instances`` would not have to stand in line; a guess, for others come too."""
        with self._lock:
            return not self._line and self._fits(instances)

    def stand(self, holder: str, instances: int) -> None:
        """Stand in line without asking for the room yet; woken when the turn comes, be it at once."""
        with self._lock:
            if holder not in self._held:
                self._line.setdefault(holder, instances)
            turn = self._next() == holder
        self._tell(holder if turn else None)

    def holders(self) -> list[str]:
        """Who holds room or stands in line, as far as this server knows."""
        with self._lock:
            return [*self._held, *self._line]

    def follow(self, running: Mapping[str, int], ended: Collection[str]) -> None:
        """Take over what the store says of all servers' work: instances by holder, and holders whose work ended."""
        with self._lock:
            for holder in (*ended, *running):
                self._held.pop(holder, None)
                self._line.pop(holder, None)
            self._held.update(running)
            following = self._next()
        self._tell(following)

    def release(self, holder: str) -> None:
        """Give the room or the place in line back; a holder with neither is no error."""
        with self._lock:
            self._held.pop(holder, None)
            self._line.pop(holder, None)
            following = self._next()
        self._tell(following)

    def clear(self) -> None:
        """Forget all, after the state was wiped."""
        with self._lock:
            self._held.clear()
            self._line.clear()

    def _next(self) -> str | None:
        """Who stands first in line, if there is room for it."""
        for holder, instances in self._line.items():
            return holder if self._fits(instances) else None
        return None

    def _fits(self, instances: int) -> bool:
        used = sum(self._held.values())
        return not used or used + instances <= self.capacity

    def _tell(self, holder: str | None) -> None:
        if holder is not None:
            self._wake(holder)
