"""Placement: what an ``ml.*`` instance type means on this machine, and how many instances run at one time."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Collection, Mapping
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
    return InstanceType(vcpus, int(vcpus * _GIB_PER_VCPU.get(match[1][0], 4.0) * 2**30))


def here(wanted: InstanceType) -> InstanceType:
    """As much of ``wanted`` as this machine has; 0 bytes of memory mean: no limit but the machine's."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0))
    return InstanceType(min(wanted.vcpus, cores), wanted.memory_bytes if wanted.memory_bytes < total else 0)


class Placement:
    """Counts the instances of work that ends; what does not fit waits as Pending. ``follow`` has the store's word."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity or 2 * len(os.sched_getaffinity(0))
        self._held: dict[str, int] = {}
        self._lock = threading.Lock()

    def acquire(self, holder: str, instances: int) -> bool:
        """Hold room for ``instances``; True again for a holder that has it.

        A job larger than the machine runs alone.
        """
        with self._lock:
            if holder in self._held:
                return True
            used = sum(self._held.values())
            if used and used + instances > self.capacity:
                return False
            self._held[holder] = instances
            return True

    def holders(self) -> list[str]:
        """Who holds room, as far as this server knows."""
        with self._lock:
            return list(self._held)

    def follow(self, running: Mapping[str, int], ended: Collection[str]) -> None:
        """Take over what the store says of all servers' work: instances by holder, and holders whose work ended."""
        with self._lock:
            for holder in ended:
                self._held.pop(holder, None)
            self._held.update(running)

    def release(self, holder: str) -> None:
        """Give the room back; a holder without any is no error."""
        with self._lock:
            self._held.pop(holder, None)

    def clear(self) -> None:
        """Forget all, after the state was wiped."""
        with self._lock:
            self._held.clear()
