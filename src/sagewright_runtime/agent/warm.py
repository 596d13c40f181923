"""A start in a process that a zygote holds ready.

bubblewrap makes the same sandbox with the same options as ever, around a ``cat``, and the process moves in beside it.
So nothing about a sandbox is written twice; and since a pid namespace dies with its first process, all that ends a
sandbox (bubblewrap's death with the agent, a kill) ends the job as well.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from contextlib import suppress

from sagewright_runtime.agent.process import Process, memory_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sagewright_runtime.agent.door import Door
    from sagewright_runtime.shared.limits import Limiter
    from sagewright_runtime.shared.tree import Tree

_HOLDER = ("cat",)
_PATIENCE_SECONDS = 10.0
_MOST_CODE_BYTES = 4 << 20
_KILLED = 128 + signal.SIGKILL


def names_in_code(tree: Tree, script: str, pattern: str) -> str:
    """The first match of ``pattern`` in the Python files of the job's code and beside ``script``; empty for none."""
    import re

    wanted, left = re.compile(pattern), _MOST_CODE_BYTES
    for place in {tree.base + "/code", os.path.dirname(os.path.join(tree.base, "code", script))}:
        if not (place + "/").startswith(tree.base + "/"):
            continue
        for directory, _, names in os.walk(tree.place(place)):
            for name in names:
                path = os.path.join(directory, name)
                if not name.endswith(".py") or not os.path.isfile(path) or os.path.islink(path):
                    continue
                with open(path, encoding="utf-8", errors="replace") as file:
                    text = file.read(left + 1)
                left -= len(text)
                if left < 0:
                    return "more than can be looked through"
                if found := wanted.search(text):
                    return found[0]
    return ""


class WarmProcess(Process):
    """As ``Process``, by way of ``line``, a descriptor of the waiting process. What cannot start warm starts cold."""

    def __init__(
        self,
        command: Mapping[str, Any],
        limiter: Limiter,
        joins: Sequence[tuple[int, int]],
        line: int,
        door: Door | None = None,
    ) -> None:
        super().__init__(command, limiter, joins, door)
        self._line = socket.socket(fileno=line)
        self._held: dict[str, Any] = {**command, "argv": _HOLDER}
        self._asked = command
        self._hold = self._echo = self._output = -1
        self._job = 0

    def start(self) -> int:
        """As ``Process.start``; a descriptor of the job itself."""
        self._command = self._held
        try:
            os.close(super().start())
            return self._move_in()
        except (OSError, ValueError) as error:
            print(f"starting cold: {error}", file=sys.stderr, flush=True)
            self._give_up()
            return super().start()

    def _streams(self, output: int) -> tuple[int, int, int]:
        if self._command is not self._held:
            return super()._streams(output)
        self._output = os.dup(output)
        stdin, self._hold = os.pipe2(os.O_CLOEXEC)
        self._echo, stdout = os.pipe2(os.O_CLOEXEC)
        os.write(self._hold, b"\n")
        return stdin, stdout, output

    def _move_in(self) -> int:
        if not os.read(self._echo, 1):  # bubblewrap died; its words are in the output
            raise OSError("the sandbox could not be made")
        order = {
            "argv": self._asked["warm"]["argv"],
            "env": self._asked["env"],
            "cwd": self._asked["cwd"],
            "uid": self._sandbox["uid"],
            "seccomp": self._sandbox["seccomp"],
            "sandbox": self._told_number("child-pid"),
            "limiter": self._limiter.order(),
            "joins": [kind for _, kind in self._joins],
            "elsewhere": ["net"] if self._joins or self._sandbox["shares_network"] else [],
        }
        document = memory_file(json.dumps(order).encode())
        self._line.settimeout(_PATIENCE_SECONDS)
        socket.send_fds(self._line, [b"go"], [document, self._output, *(descriptor for descriptor, _ in self._joins)])
        os.close(document)
        answer = self._hear()
        if "pid" not in answer:
            raise OSError(answer.get("trouble", "the zygote's process died"))
        job = os.pidfd_open(answer["pid"])
        for descriptor in (self._output, self._echo):
            os.close(descriptor)
        self._line.settimeout(None)
        self._job = answer["pid"]
        return job

    def _hear(self) -> dict[str, Any]:
        """The next message of the process's parent outside; empty when it is gone."""
        with suppress(ConnectionResetError):
            heard: dict[str, Any] = json.loads(self._line.recv(4096) or b"{}")
            return heard
        return {}

    def _hang_up(self) -> None:
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)  # the holder of a pod's network has a copy, so closing is not enough
        self._line.close()

    def _give_up(self) -> None:
        """As if nothing had been started."""
        self._hang_up()
        if self.pid:
            self.kill()
            super().reap()
        for descriptor in (self._hold, self._echo, self._output, self._status, self.output):
            if descriptor >= 0:
                os.close(descriptor)
        self.pid, self._told, self._command = 0, b"", self._asked

    def ask(self) -> bool:
        """As ``Process.ask``."""
        if not self._job:
            return super().ask()
        with suppress(ProcessLookupError):
            os.kill(self._job, signal.SIGTERM)
        return True

    def reap(self) -> int:
        """As ``Process.reap``: what the job's parent outside says; what takes the parent along took the job too."""
        if not self._job:
            return super().reap()
        code = int(self._hear().get("status", _KILLED))
        self._hang_up()  # now its parent waits for it, else its namespace could not go
        os.close(self._hold)
        sandbox = super().reap()
        # Whatever ends the sandbox's first process ends the job by SIGKILL; what ended that one is the truth.
        return sandbox if code == _KILLED and sandbox > 128 else code

    def roots(self) -> list[int]:
        """As ``Process.roots``."""
        return [*super().roots(), *([self._job] if self._job else [])]

    def ran(self) -> bool:
        """As ``Process.ran``."""
        return bool(self._job) or super().ran()
