"""What the backends of this machine share: directories, agents, and reading what the agents wrote.

A run is ``root/<run_id>/<host>/`` (its files: ``sagewright_runtime.shared.documents``). The directory appears whole, by
a rename, before any agent is started; an agent claims its instance for all time. So a server killed anywhere in
``start`` leaves nothing, or a run whose missing agents the next ``start`` adds.
"""

from __future__ import annotations

import itertools
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sagewright_runtime
from sagewright.backends import doors
from sagewright.backends.base import Doors, Handle, InstanceReport, Report, Workload
from sagewright.backends.cgroups import control_groups
from sagewright_runtime.shared import documents, limits, system
from sagewright_runtime.shared.tree import Tree

RUNTIME = Path(sagewright_runtime.__file__).parent
BASE = "/opt/ml"
PACKAGES = "/root/.sagewright"
_AGENT = RUNTIME / "agent" / "__main__.py"
_STAGES = ("starting", "downloading", "running", "packing", "ended")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_DEATH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Instance:
    """One host of a run and its directory. ``secret`` is known to all hosts of the run."""

    run_id: str
    host: str
    directory: Path
    workload: Workload
    secret: str = ""

    def environment(self, path: str, **more: str) -> dict[str, str]:
        """The process's variables: ours, the workload's over them, and a PATH that keeps ``path`` first."""
        ours = {
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "HOSTNAME": self.host,
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            # What pip installs in the job goes where the environment's interpreter looks for it.
            "SAGEWRIGHT_PACKAGES": PACKAGES,
            "PIP_PREFIX": PACKAGES,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
            # OpenMP's threads spin while they wait; where jobs share cores that makes 5 ms of training a second.
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        theirs = dict(self.workload.env)
        for name, value in theirs.items():
            if not name or "=" in name or "\0" in name + value:
                raise ValueError(f"{name!r} cannot be set as an environment variable")
        theirs["PATH"] = ":".join(filter(None, (path, theirs.get("PATH"))))
        return ours | more | theirs


class LocalBackend:
    """Runs each instance on this machine under an agent of its own. Subclasses say how the process is started."""

    name = ""
    log_limit = 1 << 30
    """Bytes that the log of one instance may take."""
    network = "none"
    """What jobs reach that are not isolated: ``none``, ``server`` or ``host``, as the setting ``job_network`` says."""
    doors: Doors | None = None
    """Where the requests of jobs go; None for nowhere."""
    disk_reserve = 0
    """Bytes of disk below which a job that goes on writing is ended."""

    def __init__(self, root: Path, hint_socket: Path | None = None) -> None:
        self._root = root
        self._hint_socket = hint_socket
        self._admitted: set[tuple[str, str]] = set()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _command(self, instance: Instance, place: Path) -> dict[str, Any]:
        """The members of agent.json that only this kind of backend knows: ``command``, ``seen`` (where the
        process finds ``/opt/ml``), ``given`` (directories its user owns), ``pod`` (whether hosts share a network),
        ``door`` (its way to the server, or None).

        ``instance.directory`` is where the instance will be, ``place`` where its directory is now, to put files in.
        """
        raise NotImplementedError

    def start(self, run_id: str, workload: Workload) -> Handle:
        """Start the agents. Raises ``OSError`` when the machine refuses, ``ValueError`` for a workload that makes no
        sense, such as a path outside ``/opt/ml``."""
        for name in (run_id, *workload.hosts, *(output.name for output in workload.outputs)):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot be the name of a run, a host or an output")
        entries = [*workload.inputs, *itertools.chain.from_iterable(workload.host_inputs.values())]
        inside = [entry.path for entry in entries] + [output.path for output in workload.outputs]
        for path in (*workload.files, *inside):
            Tree("", BASE).place(path)
        run = self._root / run_id
        if not run.is_dir():
            self._prepare(run_id, workload)
        self._spawn([run / host for host in workload.hosts], workload)
        return {"backend": self.name, "run_id": run_id, "hosts": list(workload.hosts)}

    def _prepare(self, run_id: str, workload: Workload) -> None:
        run, new = self._root / run_id, self._root / f".{run_id}.{secrets.token_hex(4)}"
        secret = secrets.token_urlsafe(32)
        try:
            for number, host in enumerate(workload.hosts):
                place = new / host
                (place / "ml").mkdir(parents=True)
                (place / "run").mkdir()
                instance = Instance(run_id, host, run / host, workload, secret)
                log = workload.log_files[number] if workload.log_files else ""
                document = self._document(instance, log) | self._command(instance, place)
                documents.write(str(place / "agent.json"), document)
            new.rename(run)
        except OSError:
            if not run.is_dir():  # else another thread was first, and its run is as good
                raise
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _document(self, instance: Instance, log: str) -> dict[str, Any]:
        workload = instance.workload
        return {
            "run_id": instance.run_id,
            "host": instance.host,
            "hosts": list(workload.hosts),
            "base": BASE,
            "files": dict(workload.files) | dict(workload.host_files.get(instance.host, {})),
            "inputs": [
                {
                    "path": entry.path,
                    "unpack": entry.unpack,
                    "files": [(file.name, file.source) for file in entry.files],
                }
                for entry in (*workload.inputs, *workload.host_inputs.get(instance.host, ()))
            ],
            "outputs": [asdict(output) for output in workload.outputs],
            "limits": asdict(workload.limits),
            "groups": control_groups(f"sagewright-{instance.run_id}-{instance.host}"),
            "metrics": [(metric.name, metric.regex) for metric in workload.metrics],
            "log": log,
            "log_limit": self.log_limit,
            "disk_reserve": self.disk_reserve,
            "hint": str(self._hint_socket or ""),
            "environment": workload.environment,
        }

    def _line(self, workload: Workload) -> socket.socket | None:
        """What the agent is handed to reach a process that is ready for this workload; None where there is none."""
        del workload
        return None

    def _spawn(self, places: list[Path], workload: Workload) -> None:
        waiting = [_agent(place, self._line(workload)) for place in places if not documents.claimed(str(place))]
        for process in waiting:  # each returns as soon as its agent is a daemon
            process.wait()
        for place in places:
            if not documents.claimed(str(place)):
                raise OSError(f"the agent of {place.name} did not start; run {_AGENT} {place} to see why")

    def poll(self, handle: Handle) -> Report:
        """Read what the agents wrote, a few small files for each; let in who is running and was not yet."""
        run_id = handle["run_id"]
        run = self._root / run_id
        instances = tuple(_instance_report(run / host, host) for host in handle["hosts"])
        for instance in instances:
            if instance.stage == "running" and (run_id, instance.host) not in self._admitted:
                self._admit(run_id, instance.host)
        stages = [instance.stage for instance in instances]
        return Report("lost" if "lost" in stages else min(stages, key=_STAGES.index), instances)

    def _has_door(self, workload: Workload) -> bool:
        return bool(self.doors and workload.role and not workload.isolated and self.network != "none")

    def _admit(self, run_id: str, host: str) -> None:
        """Have the server answer the instance; one that cannot be reached now is asked again at the next poll."""
        asked = (documents.read(str(self._root / run_id / host / "agent.json")) or {}).get("door")
        if asked and self.doors is not None:
            fetched = doors.fetch(self._root / run_id / host)
            if fetched is None:
                return
            self.doors.admit(doors.described(run_id, asked), *fetched)
        self._admitted.add((run_id, host))

    def stop(self, handle: Handle, grace_seconds: float) -> None:
        """Leave the wish where the agent finds it and wake the agent."""
        for directory in self._directories(handle):
            if not directory.is_dir() or (directory / "exit.json").exists():
                continue
            documents.write(str(directory / "stop.json"), {"grace": grace_seconds})
            for number in (signal.SIGTERM, signal.SIGCONT):  # somebody may have stopped the agent itself
                _kill(documents.pid_of(documents.claimed(str(directory))), number)

    def kill(self, handle: Handle) -> None:
        """Kill the agents, which takes their sandboxes along."""
        for directory in self._directories(handle):
            _end(str(directory))

    def remove(self, handle: Handle) -> None:
        """Kill the agents, which takes their sandboxes along, and delete the run."""
        try:
            for directory in self._directories(handle):
                _end(str(directory))
                document = documents.read(str(directory / "agent.json"))
                if document is not None:
                    limits.remove_groups(document["groups"])
        finally:  # after the agents, so that a job cannot ask for further keys
            if self.doors is not None:
                self.doors.dismiss(handle["run_id"])
        self._admitted -= {(handle["run_id"], host) for host in handle["hosts"]}
        run = self._root / handle["run_id"]
        for leftover in (run, *self._root.glob(f".{handle['run_id']}.*")):
            _delete(leftover)

    def remove_all(self, prefix: str) -> None:
        """As ``remove``, by the names of the directories, of those too that were never finished."""
        found = {path.name for path in self._root.glob(f"{prefix}*")}
        found |= {path.name[1:].rpartition(".")[0] for path in self._root.glob(f".{prefix}*")}
        for run_id in found:
            if run_id == prefix or run_id.startswith(f"{prefix}-"):
                places = (self._root / run_id).glob("*")  # beside them lies pod.json, where hosts share a network
                hosts = [path.name for path in places if _NAME.fullmatch(path.name) and path.is_dir()]
                self.remove({"run_id": run_id, "hosts": hosts})

    def instance_directory(self, handle: Handle, host: str) -> Path:
        """``root/<run_id>/<host>``."""
        return self._root / str(handle["run_id"]) / host

    def _directories(self, handle: Handle) -> list[Path]:
        return [self.instance_directory(handle, host) for host in handle["hosts"]]


def _agent(place: Path, line: socket.socket | None) -> subprocess.Popen[bytes]:
    lines = [] if line is None else [line.fileno()]
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", _AGENT, place, *map(str, lines)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
            pass_fds=lines,
        )
    finally:
        if line is not None:
            line.close()


def _instance_report(directory: Path, host: str) -> InstanceReport:
    place = str(directory)
    said = documents.read(f"{place}/exit.json")
    if said is None:
        mark = documents.claimed(place)
        alive = documents.pid_of(mark)
        said = documents.read(f"{place}/exit.json")  # it may have ended since the first look
        if said is None:
            said = documents.read(f"{place}/report.json") or {"stage": "starting"}
            if mark and not alive:
                said |= {"stage": "lost", "reason": f"the agent of {host} died, and the process with it"}
            elif not directory.is_dir():
                said |= {"stage": "lost", "reason": "this machine knows nothing of the run any more"}
    known: Mapping[str, Any] = {name: said[name] for name in _REPORTED if name in said}
    stages = tuple((stage, at) for stage, at in said.get("stages", ()))
    return InstanceReport(host=host, stages=stages, **known)


_REPORTED = (
    "stage", "exit_code", "out_of_memory", "timed_out", "peak_memory_bytes", "reason", "failure", "message",
    "outputs",
)  # fmt: skip


def _end(directory: str) -> None:
    agent = documents.pid_of(documents.claimed(directory))
    if not agent:
        return
    marks = [documents.identity(pid) for pid in [agent, *system.descendants(agent)]]
    deadline = time.monotonic() + _DEATH_SECONDS
    while alive := [pid for pid in map(documents.pid_of, marks) if pid]:
        for pid in alive:
            _kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise OSError(f"processes {alive} of {directory} do not die")
        time.sleep(0.005)


def _kill(pid: int, number: signal.Signals) -> None:
    if pid:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return


def _delete(path: Path) -> None:
    """Delete a tree in which a user may have taken our own permissions away, or nested directories without end.

    Each directory is moved to the top before it is entered, so no name gets long and nothing recurses.
    """
    if not path.is_dir():
        return
    left, token, numbers = [path], secrets.token_hex(4), itertools.count()
    while left:
        directory = left.pop()
        for entry in list(os.scandir(directory)):
            if entry.is_dir(follow_symlinks=False):
                Path(entry.path).chmod(0o700)
                left.append(Path(entry.path).rename(path / f".{token}-{next(numbers)}"))
            else:
                Path(entry.path).unlink()
        if directory != path:
            directory.rmdir()
    path.rmdir()
