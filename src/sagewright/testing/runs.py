"""Runs under test: a backend with a directory to work in, and short ways to use it."""

from __future__ import annotations

import os
import re
import socket
import textwrap
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from sagewright.backends.base import Backend, Handle, InstanceReport, Limits, Report, Workload

T = TypeVar("T")
SECONDS = 30.0
MEBIBYTE = 1 << 20


def eventually(condition: Callable[[], T], seconds: float = SECONDS) -> T:
    """The first true answer of ``condition``; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.005)
    return answer


class Bench:
    """A backend with a directory, ``place``, for its runs. ``restart`` stands for a new server process."""

    def __init__(self, make: Callable[[Path, Path], Backend], place: Path, environment: str) -> None:
        self._make = make
        self.place = place
        self.environment = environment
        self.handles: list[Handle] = []
        self.hint = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.hint.bind(str(place / "hint"))
        self.backend = make(place / "runs", place / "hint")

    def restart(self) -> None:
        self.backend = self._make(self.place / "runs", self.place / "hint")

    def workload(self, script: str, **members: object) -> Workload:
        """``python train.py`` with ``script`` in ``/opt/ml/code``, logging to ``log-<n>`` in the bench's directory."""
        workload = Workload(
            argv=("python", "/opt/ml/code/train.py"),
            environment=self.environment,
            limits=Limits(cpus=1, grace_seconds=20),
        )
        workload = replace(workload, **members)  # type: ignore[arg-type]
        logs = tuple(str(self.place / f"log-{len(self.handles)}-{host}") for host in workload.hosts)
        files = {"/opt/ml/code/train.py": textwrap.dedent(script), **workload.files}
        return replace(workload, files=files, log_files=logs)

    def start(self, workload: Workload) -> Handle:
        handle = self.backend.start(uuid.uuid4().hex, workload)
        self.handles.append(handle)
        return handle

    def run(self, script: str, **members: object) -> tuple[Report, list[str]]:
        """Start and wait for the end. Returns the report and the first host's log lines."""
        workload = self.workload(script, **members)
        return self.wait(self.start(workload)), self.lines(workload)

    def wait(self, handle: Handle) -> Report:
        eventually(lambda: self.backend.poll(handle).ended)
        return self.backend.poll(handle)

    def lines(self, workload: Workload, host: int = 0) -> list[str]:
        return read_log(Path(workload.log_files[host]))

    def wait_for_line(self, workload: Workload, line: str, host: int = 0) -> None:
        eventually(lambda: line in self.lines(workload, host))

    def close(self) -> None:
        for handle in self.handles:
            self.backend.remove(handle)
        self.hint.close()


def read_log(path: Path) -> list[str]:
    """The messages of a log file, unescaped."""
    if not path.exists():
        return []
    events = [line.partition("\t")[2] for line in path.read_text(encoding="utf-8").split("\n") if line]
    unescaped = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}
    return [re.sub(r"\\[\\nr]", lambda hit: unescaped[hit[0]], event) for event in events]


def only(report: Report) -> InstanceReport:
    """The one instance of a run."""
    (instance,) = report.instances
    return instance


def connects(client: socket.socket, path: Path) -> bool:
    """Whether ``client`` could connect to the socket at ``path``."""
    try:
        client.connect(str(path))
    except OSError:
        return False
    return True


def processes_with(text: str) -> list[str]:
    """The command lines that contain ``text``, of running processes; a zombie has none."""
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line and int(path.parent.name) != os.getpid():
            commands.append(line)
    return commands
