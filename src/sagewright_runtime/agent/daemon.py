"""An agent's life: claim the instance, bring files in, run the process, keep what it made, say how it ended."""

from __future__ import annotations

import os
import signal
import time

from sagewright_runtime.shared import documents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from sagewright_runtime.agent.door import Door
    from sagewright_runtime.agent.process import Process
    from sagewright_runtime.agent.sync import Sync
    from sagewright_runtime.shared.limits import Limiter
    from sagewright_runtime.shared.tree import Tree

_TOLD_CHARACTERS = 200


def main(directory: str, line: int = -1) -> int:
    """Become a daemon; returns in the caller's process once the agent has claimed the instance or found another.

    ``line`` is a descriptor of a process that a zygote holds ready for this instance, or -1.
    """
    ready, write_ready = os.pipe()
    if os.fork():
        os.close(write_ready)
        os.read(ready, 1)
        return 0
    os.close(ready)
    os.setsid()
    os.umask(0o022)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    agent = Agent(directory, line)
    claimed = documents.claim(directory)
    log = os.open(os.path.join(directory, "agent.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(write_ready)
    if claimed:
        agent.live()
    os._exit(0)


class Agent:
    """The agent of the instance in ``directory``; ``line`` as in ``main``."""

    def __init__(self, directory: str, line: int) -> None:
        self._directory = directory
        self._line = line
        if line >= 0:
            os.set_inheritable(line, False)
        self._stages: list[tuple[str, float]] = []
        self._facts: dict[str, Any] = {}
        self._signalled = False
        self._holder = 0
        self._sync: Sync | None = None
        self._environment = -1
        self._wake, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def live(self) -> None:
        """All of it. Whatever goes wrong ends in ``exit.json`` with the reason."""
        document = documents.read(self._path("agent.json"))
        assert document is not None, "agent.json is written before an agent starts"
        self._document = document
        self._report("starting")
        try:
            self._work()
        except Exception as error:
            import traceback

            traceback.print_exc()
            self._facts.setdefault("reason", str(error) or type(error).__name__)
            if not isinstance(error, OSError | ValueError):
                self._facts["reason"] = f"the agent failed: {error!r}"
        self._stages.append(("ended", time.time()))
        documents.write(self._path("exit.json"), self._said("ended"), durable=True)
        self._hint()
        if self._holder:
            from sagewright_runtime.shared import pod

            others = [host for host in document["hosts"] if host != document["host"]]
            pod.wait_for_others(os.path.dirname(self._directory), others)

    def _work(self) -> None:
        from sagewright_runtime.agent import files
        from sagewright_runtime.shared import tree as paths

        document = self._document
        self._environment = _hold(document.get("environment", ""))
        joins = self._network() if document["pod"] else []
        tree = paths.Tree(self._path("ml"), document["base"], document["seen"])
        self._report("downloading")
        try:
            files.lay_out(tree, document, self._stopped)
            uid = (document["command"]["sandbox"] or {}).get("uid")
            if uid is not None:
                for place in (tree.root, *(self._path(name) for name in document["given"])):
                    files.give(place, uid)
            if self._stopped():
                raise files.Stopped
        except files.Stopped:
            self._facts["reason"] = "stopped before the process started"
            return
        except OSError as error:
            self._facts["reason"] = f"the inputs could not be laid out: {_told(error, tree)}"
            raise
        except RecursionError:
            raise ValueError("the inputs could not be laid out: a path has too many directories") from None
        self._run(tree, joins)
        self._report("packing")
        self._facts |= {name: files.said(tree, name) for name in ("failure", "message")}
        try:
            if self._sync is not None:
                self._sync.finish()
            self._facts["outputs"] = files.keep(
                tree,
                document["outputs"],
                self._path("outbox"),
                document["limits"].get("disk_bytes", 0),
                part=len(document["hosts"]) > 1,
            )
        except OSError as error:
            self._facts["reason"] = self._facts.get("reason") or f"the outputs could not be kept: {_told(error, tree)}"
            raise

    def _network(self) -> list[tuple[int, int]]:
        from sagewright_runtime.shared import pod

        run, hosts = os.path.dirname(self._directory), self._document["hosts"]
        if self._document["host"] == hosts[0]:
            self._holder = pod.hold(run, len(hosts))
        return pod.enter(run, hosts[0], self._stopped)

    def _door(self, joins: list[tuple[int, int]]) -> Door | None:
        """The job's way out, open already unless its network is bubblewrap's to make; None when it has none."""
        if not self._document.get("door"):  # an order of an earlier version has none
            return None
        from sagewright_runtime.agent.door import Door

        door = Door(self._document["door"], self._directory)
        if joins or door.shared:
            door.open(joins)
        return door

    def _process(self, tree: Tree, limiter: Limiter, joins: list[tuple[int, int]], door: Door | None) -> Process:
        from sagewright_runtime.agent.process import Process

        command = self._document["command"]
        if door is not None:
            command = {**command, "env": {**door.variables(), **command["env"]}}
            door = None if joins or door.shared else door
        if self._line >= 0:
            from sagewright_runtime.agent import warm

            if found := warm.names_in_code(tree, command["warm"]["argv"][0], command["warm"]["unless"]):
                print(f"starting cold: the code names {found}", flush=True)
                os.close(self._line)
            else:
                return warm.WarmProcess(command, limiter, joins, self._line, door)
        return Process(command, limiter, joins, door)

    def _run(self, tree: Tree, joins: list[tuple[int, int]]) -> None:
        from sagewright_runtime.shared.limits import Limiter

        document = self._document
        sandbox = document["command"]["sandbox"]
        own_user = sandbox is not None and sandbox["uid"] is not None
        limiter = Limiter(document["limits"], document["groups"], own_user=own_user)
        limiter.prepare()
        door = self._door(joins)
        process = self._process(tree, limiter, joins, door)
        sync = _sync(tree, document, self._directory, self._hint)
        try:
            ended = process.start()
            from sagewright_runtime.agent.disk import Disk
            from sagewright_runtime.agent.output import LogFile, Output
            from sagewright_runtime.agent.watch import Watch

            log = LogFile(document["log"], document.get("log_limit", 0))
            if sync is not None:
                sync.start(log)
                self._sync = sync
            self._report("running")
            metrics = None
            if document["metrics"]:
                from sagewright_runtime.agent.metrics import Metrics

                metrics = Metrics(document["metrics"], self._path("metrics.jsonl"))
            output = Output(process.output, log, metrics)
            places = [self._path(name) for name in ("ml", "home", "tmp", "run")]
            disk = Disk(places, document["limits"].get("disk_bytes", 0), document.get("disk_reserve", 0))
            watch = Watch(process, output, limiter, disk, document["limits"]["max_runtime_seconds"], door)
            watch.until(ended, self._wake, self._grace, document["limits"]["grace_seconds"])
            code = process.reap()
            watch.drain()
            log.close(time.time())
            self._facts.update(watch.verdict(code, document["seen"]))
        except Exception:
            process.kill()
            raise
        finally:
            limiter.remove()

    def _stopped(self) -> bool:
        return self._signalled or os.path.exists(self._path("stop.json"))

    def _grace(self) -> float | None:
        """Seconds of grace when the server wants an end, else None."""
        if not self._stopped():
            return None
        wish = documents.read(self._path("stop.json")) or {}
        return float(wish.get("grace", self._document["limits"]["grace_seconds"]))

    def _report(self, stage: str) -> None:
        self._stages.append((stage, time.time()))
        documents.write(self._path("report.json"), self._said(stage))
        self._hint()

    def _said(self, stage: str) -> dict[str, Any]:
        return {"stage": stage, "stages": self._stages, **self._facts}

    def _hint(self) -> None:
        if not self._document["hint"]:
            return
        import socket

        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hint:
                hint.setblocking(False)
                hint.sendto(self._document["run_id"].encode(), self._document["hint"])
        except OSError:
            return  # a hint saves waiting; the server polls anyway

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)

    def _on_term(self, _number: int, _frame: FrameType | None) -> None:
        self._signalled = True


def _hold(environment: str) -> int:
    """A shared lock on an environment, for as long as the descriptor is open: what is in use is not deleted."""
    import fcntl

    try:
        descriptor = os.open(os.path.join(environment, ".complete"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # one that the server did not build
        return -1
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _sync(tree: Tree, document: dict[str, Any], directory: str, hint: Callable[[], None]) -> Sync | None:
    """What follows the synced directories, with what is there before the start taken for known; None for none."""
    if not document.get("syncs"):  # an order of an earlier version has none
        return None
    from sagewright_runtime.agent.sync import Sync

    return Sync(tree, document, directory, hint)


def _told(error: OSError, tree: Tree) -> str:
    """What went wrong, with the path as the job knows it, and not all of one without end."""
    if not isinstance(error.filename, str):
        return str(error)
    return f"{error.strerror}: {error.filename.replace(tree.root, tree.base)[:_TOLD_CHARACTERS]}"
