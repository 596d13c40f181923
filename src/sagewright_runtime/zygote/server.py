"""The zygote itself: imports, then forks a process for each socket that the server sends it."""

from __future__ import annotations

import array
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket

from sagewright_runtime.zygote import fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

IDLE_SECONDS = 900.0


def serve(descriptor: int, modules: list[str], path: list[str]) -> Callable[[], int]:
    """Import ``modules``, say so, and fork until the server ends, or has asked for nothing for ``IDLE_SECONDS``.

    Returns only in a forked process, once it has become the job: the caller runs what it is given. ``path`` is
    ``sys.path`` as a script would find it.
    """
    control = socket.socket(fileno=descriptor)
    try:
        _prepare(modules)
    except BaseException as error:
        _say(control, {"trouble": f"{type(error).__name__}: {error}"})
        os._exit(1)
    _say(control, {"ready": True, "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024})
    poller = select.poll()
    poller.register(control, select.POLLIN)
    while poller.poll(IDLE_SECONDS * 1000):
        agent = _receive(control)
        if agent is None:
            break
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return fork.enter_sandbox(agent, path)
        agent.close()
    os._exit(0)


def _prepare(modules: list[str]) -> None:
    """Import, and make sure that a fork is safe. Raises whatever an import raises, ``RuntimeError`` for threads."""
    gc.disable()  # what is collected before the fork leaves holes that the forks fill, each for itself
    os.umask(0o022)
    for name in modules:
        importlib.import_module(name)
    # Linear algebra libraries end their threads at a fork and start them when needed. Others never come back.
    if pid := os.fork():
        os.waitpid(pid, 0)
    else:
        os._exit(0)
    if (count := len(os.listdir("/proc/self/task"))) > 1:
        raise RuntimeError(f"an import left {count - 1} threads running, and a fork would lose them")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks are nobody's to wait for
    fork.remember()
    gc.collect()
    gc.freeze()


def _receive(control: socket.socket) -> socket.socket | None:
    """The next socket to an agent; None when the server is gone."""
    try:
        _, ancillary, _, _ = control.recvmsg(16, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return None
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            return socket.socket(fileno=array.array("i", data)[0])
    return None


def _say(control: socket.socket, document: dict[str, Any]) -> None:
    try:
        control.send(json.dumps(document).encode())
    except OSError:
        os._exit(1)  # the server is gone
