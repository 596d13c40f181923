"""The files through which an agent and a server speak. Each is whole or absent, whenever either of them is killed.

In an instance's directory:
    agent.json     what to do; written by the server before the agent starts
    agent.pid      the identity of the one agent this instance ever has
    stop.json      {"grace": seconds}: the server wants the run to end
    report.json    the stage, rewritten at each change
    exit.json      how it ended; the last thing an agent writes
    metrics.jsonl  one {"name", "value", "at"} a line
    agent.log      what the agent itself had to say, for us
    door.sock      where servers fetch the socket that the job calls them by
    ml/            /opt/ml    run/  /opt/sagewright/run    outbox/  packed outputs    spool/  see ``spool``
"""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def write(path: str, document: dict[str, Any], *, durable: bool = False) -> None:
    """Replace ``path`` in one step; ``durable`` also survives a loss of power."""
    beside = f"{path}.{os.getpid()}.new"
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(document, file)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    os.replace(beside, path)
    if durable:
        directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def read(path: str) -> dict[str, Any] | None:
    """The document, or None when it is not there (yet)."""
    try:
        with open(path, encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
            return found
    except FileNotFoundError:
        return None


def identity(pid: int) -> str:
    """A process for all time: boot, pid and start time; empty when no such process lives."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *fields = file.read().rpartition(b")")[2].split()
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if state in b"ZX" else f"{boot} {pid} {fields[18].decode()}"


def pid_of(mark: str) -> int:
    """The pid of a living process with this identity, else 0."""
    pid = int(mark.split()[1]) if mark else 0
    return pid if pid and identity(pid) == mark else 0


def claim(directory: str) -> bool:
    """Make the calling process the instance's agent. False when there is, or ever was, another."""
    name = os.path.join(directory, "agent.pid")
    beside = f"{name}.{os.getpid()}"
    with open(beside, "w", encoding="ascii") as file:
        file.write(identity(os.getpid()))
    try:
        os.link(beside, name)
    except FileExistsError:
        return False
    finally:
        os.unlink(beside)
    return True


def claimed(directory: str) -> str:
    """The identity of the instance's agent; empty when none has started."""
    try:
        with open(os.path.join(directory, "agent.pid"), encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        return ""
