"""The user's process: born in its sandbox, asked to end, killed, and waited for until nothing of it is left."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import time
from contextlib import suppress

from sagewright_runtime.shared import system
from sagewright_runtime.shared.limits import Limiter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

    from sagewright_runtime.agent.door import Door

_PIPE_BYTES = 1 << 20
_CLEANUP_SECONDS = 10.0
_SPAN_MILLISECONDS = 100


class Process:
    """One start of ``command``: a mapping with argv, env, cwd and, for a sandbox, ``sandbox``:

    bwrap (its path), args (its options), seccomp (a file with a filter, or empty), uid (to become first, or None),
    stage (paths shown as ``place``/0, 1 … to that uid), place. ``joins`` are namespaces to enter first:
    descriptor, kind. ``door`` is opened in the network that bubblewrap makes, before the program runs.
    """

    def __init__(
        self,
        command: Mapping[str, Any],
        limiter: Limiter,
        joins: Sequence[tuple[int, int]] = (),
        door: Door | None = None,
    ) -> None:
        self._command = command
        self._limiter = limiter
        self._joins = joins
        self._door = door
        self._sandbox: Mapping[str, Any] | None = command["sandbox"]
        self._status = -1
        self._told = b""
        self.pid = 0
        self.output = -1

    def start(self) -> int:
        """Fork and exec; returns a descriptor that becomes readable when the process ended. Raises ``OSError``."""
        system.become_subreaper()
        self.output, output = os.pipe2(os.O_CLOEXEC)
        with suppress(OSError):  # a smaller pipe works as well
            fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._status, status = os.pipe2(os.O_CLOEXEC)
        trouble, write_trouble = os.pipe2(os.O_CLOEXEC)
        streams = self._streams(output)
        gate, open_gate = os.pipe2(os.O_CLOEXEC)
        self.pid = os.fork()
        if self.pid == 0:
            self._child(streams, status, write_trouble, gate)
        for descriptor in {*streams, status, write_trouble, gate}:
            os.close(descriptor)
        os.set_blocking(self._status, False)
        with os.fdopen(trouble, "rb") as file:
            message = file.read().decode()
        if message:
            os.waitpid(self.pid, 0)
            self.pid = 0
            os.close(open_gate)
            raise OSError(message)
        try:
            if self._door is not None and (init := self._await_init()):
                self._door.open_beside(init)
        finally:
            os.close(open_gate)
        return os.pidfd_open(self.pid)

    def _await_init(self) -> int:
        """The sandbox's first process, which waits for the gate to be closed; 0 when bubblewrap failed."""
        poller = select.poll()
        poller.register(self._status, select.POLLIN)
        while not (init := self._told_number("child-pid")):
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return 0
            poller.poll(_SPAN_MILLISECONDS)
        return init

    def _streams(self, output: int) -> tuple[int, int, int]:
        """Descriptors of standard input, output and error; ``output`` is read by the agent. They are closed here."""
        return os.open(os.devnull, os.O_RDONLY), output, output

    def _child(self, streams: tuple[int, int, int], status: int, trouble: int, gate: int) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            for target, source in enumerate(streams):
                os.dup2(source, target)
            self._limiter.enter()
            if self._sandbox is None:
                system.die_with_parent(signal.SIGKILL)
                os.chdir(self._command["cwd"])
                os.execvpe(self._command["argv"][0], self._command["argv"], self._command["env"])
            for descriptor, kind in self._joins:
                system.setns(descriptor, kind)
            self._enter_sandbox(self._sandbox, status, gate)
        except FileNotFoundError as error:
            name = error.filename if self._sandbox else self._command["argv"][0]  # else the last place in PATH tried
            os.write(trouble, f"cannot start {name}: {error.strerror}".encode())
        except BaseException as error:
            os.write(trouble, f"cannot start the process: {error}".encode())
        os._exit(127)

    def _enter_sandbox(self, sandbox: Mapping[str, Any], status: int, gate: int) -> NoReturn:
        arguments = [*sandbox["args"], "--json-status-fd", str(status), "--chdir", self._command["cwd"], "--clearenv"]
        for name, value in self._command["env"].items():
            arguments += ["--setenv", name, value]
        if sandbox["seccomp"]:
            filter_file = os.open(sandbox["seccomp"], os.O_RDONLY)
            os.set_inheritable(filter_file, True)
            arguments += ["--seccomp", str(filter_file)]
        if self._door is not None:
            os.set_inheritable(gate, True)
            arguments += ["--block-fd", str(gate)]
        options = memory_file(b"\0".join(argument.encode() for argument in arguments))
        os.set_inheritable(status, True)
        if sandbox["stage"]:
            system.stage(sandbox["stage"], sandbox["place"])
        if sandbox["uid"] is not None:
            system.become(sandbox["uid"])
        # After the change of user, which clears it; bubblewrap asks again, but only once it runs.
        system.die_with_parent(signal.SIGKILL)
        # The options travel in a file: the environment must neither show in ps nor steer bubblewrap itself.
        argv = ["bwrap", "--args", str(options), "--", *self._command["argv"]]
        os.execve(sandbox["bwrap"], argv, {"PATH": os.defpath})

    def ask(self) -> bool:
        """SIGTERM to the user's process; False when it is not there yet, so that the caller asks again."""
        if self._sandbox is None:
            target = self.pid
        else:
            # To bubblewrap it would be the end of the sandbox at once, and its init ignores it: its child is meant.
            init = self._told_number("child-pid")
            inside = system.children(init) if init else []
            if not inside:
                return False
            target = inside[0]
        try:
            os.kill(target, signal.SIGTERM)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL to everything; nothing to do when nothing was started."""
        if not self.pid:
            return
        init = self._told_number("child-pid") if self._sandbox is not None else 0
        with suppress(ProcessLookupError):
            if init:
                os.kill(init, signal.SIGKILL)
            else:
                os.killpg(self.pid, signal.SIGKILL)

    def reap(self) -> int:
        """The exit code, 128+n for a death by signal, once all that the process started is gone as well."""
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        code = 128 - code if code < 0 else code
        if self._sandbox is None:
            self._bury(-1)
        elif init := self._told_number("child-pid"):
            self._bury(init)  # with its init dies all of a pid namespace
        return code

    @staticmethod
    def _bury(pid: int) -> None:
        """Kill and wait for ``pid``, an orphan that became our child; -1 for every descendant."""
        deadline = time.monotonic() + _CLEANUP_SECONDS
        while time.monotonic() < deadline:
            for target in system.descendants(os.getpid()) if pid == -1 else [pid]:
                with suppress(ProcessLookupError):
                    os.kill(target, signal.SIGKILL)
            try:
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    time.sleep(0.001)
            except ChildProcessError:
                return

    def roots(self) -> list[int]:
        """Processes that, with their descendants, are all of it."""
        return [self.pid]

    def ran(self) -> bool:
        """Whether the user's process was started; bubblewrap tells the exit code of no other."""
        return self._sandbox is None or self._told_number("exit-code") is not None

    def _told_number(self, key: str) -> int | None:
        """What bubblewrap said on its status descriptor: one JSON object a line."""
        try:
            while block := os.read(self._status, 4096):
                self._told += block
        except BlockingIOError:
            pass
        for line in self._told.splitlines():
            try:
                value = json.loads(line).get(key)
            except ValueError:
                continue
            if value is not None:
                return int(value)
        return None


def memory_file(content: bytes) -> int:
    """A file without a name, to be handed on."""
    descriptor = os.memfd_create("options", 0)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.set_inheritable(descriptor, True)
    return descriptor
