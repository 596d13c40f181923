"""What a job may use: control groups where the machine lends them, else affinity, rlimits and a watchdog."""

from __future__ import annotations

import os
import resource
import signal
import time

from sagewright_runtime.shared import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PERIOD_MICROSECONDS = 100_000
_OPEN_FILES = 65_536
_OWN_PROCESSES = 4  # bubblewrap's two, and with a warm start what holds the sandbox open and what waits outside
WATCH_SECONDS = 0.2


class Limiter:
    """The limits of one instance.

    ``limits`` is a workload's Limits as a mapping. ``groups`` maps a controller (memory, pids, cpu) to the directory
    of a control group to make; under cgroup v2 all three are the same directory. Without a memory group, the memory
    of the job's processes is summed up every ``WATCH_SECONDS`` and the job killed when it is over.
    """

    def __init__(self, limits: dict[str, Any], groups: dict[str, str], *, own_user: bool) -> None:
        self.cpus = float(limits["cpus"])
        self.memory_bytes = int(limits["memory_bytes"])
        self._processes = int(limits["processes"])
        self._groups = dict(groups)
        self._limits = limits
        self._own_user = own_user
        self._peak = 0
        self._watchdog_killed = False

    @property
    def watches(self) -> bool:
        """Whether ``watch`` has work to do."""
        return bool(self.memory_bytes) and "memory" not in self._groups

    def order(self) -> dict[str, Any]:
        """What another process needs to make a Limiter that may ``enter`` what this one prepared."""
        return {"limits": self._limits, "groups": self._groups, "own_user": self._own_user}

    def prepare(self) -> None:
        """Make the control groups; a controller that refuses is left to the fallback."""
        for controller, directory in tuple(self._groups.items()):
            try:
                os.makedirs(directory, exist_ok=True)
                for name, value in self._values(controller, directory):
                    _put(os.path.join(directory, name), value)
            except OSError:
                del self._groups[controller]

    def _values(self, controller: str, directory: str) -> list[tuple[str, str]]:
        v2 = os.path.exists(os.path.join(directory, "cgroup.controllers"))
        quota = str(int(self.cpus * _PERIOD_MICROSECONDS))
        if controller == "pids":
            return [("pids.max", str(self._processes + _OWN_PROCESSES))]
        if controller == "cpu":
            if self.cpus >= (os.cpu_count() or 1):
                return []
            return [("cpu.max", f"{quota} {_PERIOD_MICROSECONDS}")] if v2 else [("cpu.cfs_quota_us", quota)]
        if not self.memory_bytes:
            return []
        if v2:
            return [("memory.max", str(self.memory_bytes)), ("memory.oom.group", "1")]
        return [("memory.limit_in_bytes", str(self.memory_bytes))]

    def enter(self) -> None:
        """Put the calling process, the job's first, under the limits."""
        for directory in set(self._groups.values()):
            _put(os.path.join(directory, "cgroup.procs"), "0")
        if "cpu" not in self._groups and self.cpus:
            cores = sorted(os.sched_getaffinity(0))
            wanted = max(1, round(self.cpus))
            first = os.getpid() % len(cores)
            os.sched_setaffinity(0, {cores[(first + n) % len(cores)] for n in range(min(wanted, len(cores)))})
        if self.watches:
            # Twice the limit: it only has to stop what grows faster than the watchdog looks; untouched maps count too.
            resource.setrlimit(resource.RLIMIT_DATA, (2 * self.memory_bytes, 2 * self.memory_bytes))
        if "pids" not in self._groups:
            # What the user runs besides counts as well, where the job has no user of its own.
            most = self._processes + (0 if self._own_user else _tasks_of(os.getuid()))
            hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, _OPEN_FILES), hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def watch(self, roots: list[int]) -> bool:
        """Sum the memory of ``roots``, their descendants and the files that they keep in memory; True when that is
        over the limit."""
        pids = [pid for root in roots for pid in (root, *system.descendants(root))]
        used = sum(map(_unshared_bytes, pids)) + _bytes_of_files(pids)
        self._peak = max(self._peak, used)
        self._watchdog_killed = self._watchdog_killed or used > self.memory_bytes
        return self._watchdog_killed

    def out_of_memory(self) -> bool:
        """Whether anything in the job was killed for its memory."""
        if self._watchdog_killed:
            return True
        directory = self._groups.get("memory", "")
        for name in ("memory.events", "memory.oom_control"):
            for line in _get(os.path.join(directory, name)).splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1]) > 0
        return False

    def peak_bytes(self) -> int:
        """The most memory the job used, page cache included where a control group counts it."""
        directory = self._groups.get("memory", "")
        counted = _get(os.path.join(directory, "memory.peak")) or _get(
            os.path.join(directory, "memory.max_usage_in_bytes")
        )
        return int(counted) if counted else self._peak or resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024

    def remove(self) -> None:
        """Kill what is left in the control groups and remove them."""
        remove_groups(self._groups)


def remove_groups(groups: dict[str, str], patience_seconds: float = 2.0) -> None:
    """Remove control groups; the kernel may hold them for a moment after the last process went."""
    deadline = time.monotonic() + patience_seconds
    for directory in set(groups.values()):
        while os.path.isdir(directory):
            for pid in _get(os.path.join(directory, "cgroup.procs")).split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    continue
            try:
                os.rmdir(directory)
            except OSError:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.005)


def _tasks_of(uid: int) -> int:
    """Threads of all processes of a user."""
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}").st_uid == uid:
                    count += len(os.listdir(f"/proc/{name}/task"))
            except OSError:
                continue
    return count


def _unshared_bytes(pid: int) -> int:
    _, resident, shared, *_ = [int(count) for count in _get(f"/proc/{pid}/statm").split()] or (0, 0, 0)
    return (resident - shared) * resource.getpagesize()


def _bytes_of_files(pids: list[int]) -> int:
    """What is in the file systems that a sandbox has in memory: its root and ``/dev/shm``. All of ``pids`` that are in
    one are in the same; those on their way into it still have our root, which is on a disk."""
    own = os.stat("/").st_dev
    for pid in pids:
        try:
            if os.stat(f"/proc/{pid}/root/").st_dev != own:
                states = [os.statvfs(f"/proc/{pid}/root{place}") for place in ("/", "/dev/shm")]  # noqa: S108
                return sum((state.f_blocks - state.f_bfree) * state.f_frsize for state in states)
        except OSError:
            continue
    return 0


def _put(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)  # never O_CREAT: a missing file means a missing controller
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _get(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""
