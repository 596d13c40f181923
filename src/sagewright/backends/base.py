"""The contract between the engine and whatever runs work.

A **workload** is pure data: what to run, with which files, under which limits. A backend starts one **agent** for each
of its instances and gives back a **handle**, a JSON document that outlives the server. ``poll`` reads what the agents
left on disk, so a server killed and started again finds its jobs, their logs and their exit codes.

Rules (``sagewright.testing.backends.BackendCase`` checks them for every backend):
- ``start`` is idempotent by run id: a second start of the same run returns the same handle and starts nothing.
- ``poll`` never blocks; after the end it keeps giving the same report until ``remove``.
- ``stop`` asks (SIGTERM to the user's process), waits ``grace`` in the agent, then kills; it returns at once.
- ``kill`` ends a run whose agents do not do what they are asked; it is lost then.
- ``remove`` kills what is left and deletes the run's files; a second remove does nothing. ``remove_all`` does it to
  runs whose handles nobody has: a server may have been killed between a start and its note of it.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from sagewright.wire.http import Door

Handle: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to lay out: ``name`` relative to its input's path, ``source`` an absolute path on this machine."""

    name: str
    source: str
    size: int


@dataclass(frozen=True, slots=True)
class Input:
    """Files that appear at ``path`` in the sandbox before the process starts (a channel, a model).

    ``unpack`` extracts each ``.tar.gz`` in place of laying it out (model artifacts for serving).
    """

    path: str
    files: tuple[InputFile, ...]
    unpack: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """What to keep of directory ``path`` after the process ended; the agent puts it in the run's ``outbox/<name>``.

    ``pack`` True makes ``<name>`` one gzipped tar of the directory's contents, False copies the tree. Nothing is
    written for a directory that is missing or empty, unless ``always``.
    """

    name: str
    path: str
    pack: bool = True
    always: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Per instance: cores, bytes of memory and of disk (0 = no limit), processes, seconds of wall time (0 = no limit).

    On disk is all that the process writes, its inputs too, and its outputs may not have more bytes than that.

    ``grace_seconds`` lie between SIGTERM and SIGKILL when the wall time is over.
    """

    cpus: float = 1.0
    memory_bytes: int = 0
    disk_bytes: int = 0
    processes: int = 4096
    max_runtime_seconds: float = 0.0
    grace_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """First group of ``regex`` in a line of output is a value of the metric ``name``."""

    name: str
    regex: str


@dataclass(frozen=True, slots=True)
class Workload:
    """What to run on each of ``len(hosts)`` instances.

    ``environment`` is the root of a Python environment (``bin/python`` below it), mounted read-only at the same path.
    ``argv`` is resolved in the sandbox's PATH, where ``train`` and ``serve`` are the runtime's own programs.
    ``files`` maps absolute sandbox paths to text written before the start, ``inputs`` are laid out beside them; what
    one host alone gets is in ``host_files`` and ``host_inputs``. ``log_files`` gives for each host the absolute path of
    the log file the agent appends to.
    ``socket`` True gives the process a directory ``/opt/sagewright/run`` shared with the server (model servers).
    ``role`` is the ARN of the role whose keys the process finds at the container-credentials address; an ``isolated``
    workload finds none, and reaches nothing but its own hosts.
    """

    argv: tuple[str, ...]
    environment: str
    hosts: tuple[str, ...] = ("algo-1",)
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    host_files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    host_inputs: Mapping[str, tuple[Input, ...]] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    limits: Limits = Limits()
    metrics: tuple[MetricDefinition, ...] = ()
    log_files: tuple[str, ...] = ()
    socket: bool = False
    role: str = ""
    isolated: bool = False


@dataclass(frozen=True, slots=True)
class InstanceReport:
    """What one agent says. ``stage``: starting, downloading, running, packing, ended, lost.

    ``exit_code`` is set once the user's process ended (128+n for signal n). ``reason`` is the agent's digest of a
    failure, ready to be shown: the decoded exit, the last traceback line in the user's own file, or what kept the
    process from starting. ``failure`` and ``message`` are the texts of those files in ``/opt/ml/output``. ``stages``
    are (stage, epoch seconds). ``outputs`` maps an Output's name to its absolute path on this machine.
    """

    host: str
    stage: str
    stages: tuple[tuple[str, float], ...] = ()
    exit_code: int | None = None
    out_of_memory: bool = False
    timed_out: bool = False
    peak_memory_bytes: int = 0
    reason: str = ""
    failure: str = ""
    message: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of a run. ``stage`` is the least advanced of its instances, ``lost`` if any agent is lost."""

    stage: str
    instances: tuple[InstanceReport, ...]

    @property
    def ended(self) -> bool:
        return self.stage in ("ended", "lost")


class Doors(Protocol):
    """Where jobs' requests go: the server."""

    def files(self) -> Mapping[str, Path]:
        """What jobs need to read: ``trust``, the authorities (PEM) of the hosts they reach; ``defaults`` of the SDK."""
        ...

    def admit(self, door: Door, listener: socket.socket, lifeline: socket.socket) -> None:
        """Accept from ``listener`` those who come by ``door``, until ``lifeline`` is hung up. Owns both sockets."""
        ...

    def dismiss(self, run_id: str) -> None:
        """The run is over: its keys are good for nothing from now on."""
        ...


class Backend(Protocol):
    """Somewhere to run work."""

    name: str

    def start(self, run_id: str, workload: Workload) -> Handle:
        """Start one agent per host. Raises ``OSError`` when this machine cannot run it."""
        ...

    def poll(self, handle: Handle) -> Report:
        """What the agents have reported so far."""
        ...

    def stop(self, handle: Handle, grace_seconds: float) -> None:
        """Ask the run to end; force it after the grace."""
        ...

    def kill(self, handle: Handle) -> None:
        """End the run and its agents at once, of which nothing is kept; for agents that do not answer ``stop``."""
        ...

    def remove(self, handle: Handle) -> None:
        """Kill what is left and forget the run."""
        ...

    def remove_all(self, prefix: str) -> None:
        """Remove each run whose id is ``prefix`` or begins with ``prefix`` and a dash."""
        ...

    def instance_directory(self, handle: Handle, host: str) -> Path:
        """Where an instance's ``run/`` (sockets) and ``metrics.jsonl`` are on this machine."""
        ...
