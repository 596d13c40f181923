"""The private network that the instances of one run share: ``eth0`` with the addresses of ``algo-1`` … ``algo-N``.

The agent of the first host forks a holder into a new network namespace and the others enter it by the holder's pid.
Once every sandbox is inside, the namespace lives in them; until then the first agent stays.
"""

from __future__ import annotations

import os
import signal
import time

from sagewright_runtime.shared import documents, netlink, system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_SECONDS = 60.0


def address(number: int) -> str:
    """The address of host ``number``, counted from 1."""
    return f"10.0.{number >> 8}.{number & 0xFF}"


def hold(run_directory: str, count: int) -> int:
    """Fork the holder of a new network for ``count`` hosts; returns its pid once the network is up."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        trouble = b""
        try:
            os.close(reader)
            system.die_with_parent(signal.SIGKILL)
            _leave_network()
            _build(count)
        except BaseException as error:
            trouble = str(error).encode()
        os.write(writer, trouble)
        os.close(writer)
        while not trouble:
            signal.pause()
        os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        trouble = file.read()
    if trouble:
        os.waitpid(pid, 0)
        raise OSError(f"cannot make the network of the run's hosts: {trouble.decode()}")
    documents.write(os.path.join(run_directory, "pod.json"), {"holder": documents.identity(pid)})
    return pid


def enter(run_directory: str, first_host: str, stopped: Callable[[], bool]) -> list[tuple[int, int]]:
    """Wait for the network; returns what a new process enters to be in it: descriptors and kinds of namespaces.

    Raises ``OSError`` when it never comes.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    first = os.path.join(run_directory, first_host)
    while (document := documents.read(os.path.join(run_directory, "pod.json"))) is None:
        mark = documents.claimed(first)
        if stopped() or time.monotonic() > deadline or (mark and not documents.pid_of(mark)):
            raise OSError(f"the network of the run's hosts is not there: {first_host} did not make it")
        time.sleep(0.01)
    pid = documents.pid_of(document["holder"])
    if not pid:
        raise OSError(f"the network of the run's hosts is gone with {first_host}")
    kinds = [("net", system.CLONE_NEWNET)]
    if os.geteuid() != 0:
        kinds.insert(0, ("user", system.CLONE_NEWUSER))
    return [(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), kind) for name, kind in kinds]


def wait_for_others(run_directory: str, others: list[str]) -> None:
    """Return when each of the other hosts is inside the network, or will never be."""
    waiting = [os.path.join(run_directory, host) for host in others]
    while waiting:
        waiting = [directory for directory in waiting if not _past_joining(directory)]
        if waiting:
            time.sleep(0.1)


def _past_joining(directory: str) -> bool:
    report = documents.read(os.path.join(directory, "report.json")) or {}
    if report.get("stage") in ("running", "packing", "ended"):
        return True
    mark = documents.claimed(directory)
    return bool(mark) and not documents.pid_of(mark)


def _leave_network() -> None:
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        system.unshare(system.CLONE_NEWNET)
        return
    system.unshare(system.CLONE_NEWUSER | system.CLONE_NEWNET)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _build(count: int) -> None:
    """A veth pair with both ends here (no dummy driver needed): one end is eth0 and carries every host's address."""
    netlink.add_pair("eth0", "eth0peer")
    for name in ("lo", "eth0peer", "eth0"):
        netlink.switch_on(name)
    for number in range(1, count + 1):
        netlink.add_address("eth0", address(number), 16)
