"""A process forked from a zygote, on its way into a sandbox.

It waits on its socket to the agent for an order: descriptors (a file with the order as JSON, the job's output, the
pod's namespaces) and the pid of the sandbox's first process. It enters the job's limits and namespaces while it still
has the right to, and forks the job, which is then inside. The job gives up every privilege, replaces what a process
inherits, and returns to run its program. The other process stays outside as the job's parent, tells the agent how the
job ended, and leaves last: until it has waited for the job, no other process can have the job's pid.

Messages to the agent: {"pid"}, then {"status"}; or {"trouble"} instead of either.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import io
import json
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress

from sagewright_runtime import script
from sagewright_runtime.shared import system
from sagewright_runtime.shared.limits import Limiter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

_MAX_DESCRIPTORS = 8
_ALL_DESCRIPTORS = 1 << 20
_INTERRUPTED = 130
_LIBRARIES: set[str] = set()


def enter_sandbox(agent: socket.socket, path: list[str]) -> Callable[[], int]:
    """Wait for the order and carry it out; returns in the job's process alone, with what it has to run.

    The agent going away ends the job: its sandbox dies with the agent, and everything in a pid namespace with that.
    """
    try:
        _, descriptors, _, _ = socket.recv_fds(agent, 16, _MAX_DESCRIPTORS)
        if not descriptors:  # the agent needs no warm process, or is gone
            os._exit(0)
        document, output, *joined = descriptors
        with open(document, encoding="utf-8") as file:
            order = json.load(file)
        with open(order["seccomp"], "rb") as file:
            program = file.read()
        _enter(order, joined)
        go, give_go = os.pipe()
        pid = os.fork()
        if pid:
            for descriptor in (output, go, *joined):
                os.close(descriptor)
            _attend(agent, pid, give_go)
        agent.detach()
        os.close(give_go)
        if not os.read(go, 1):  # nobody knows of this process: the agent starts another
            os._exit(127)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.closerange(3, _ALL_DESCRIPTORS)
        system.give_up_privileges(program)
        system.look_ordinary("python")
        system.die_with_parent(signal.SIGKILL)
        return _become(order, path)
    except BaseException as error:
        trouble = f"{type(error).__name__}: {error}"
        if agent.fileno() < 0:  # in the job's process, whose output is read
            os.write(2, f"the process could not start: {trouble}\n".encode())
        else:
            with suppress(OSError):
                agent.send(json.dumps({"trouble": trouble}).encode())
        os._exit(127)


def _enter(order: dict[str, Any], joined: list[int]) -> None:
    os.setsid()
    Limiter(**order["limiter"]).enter()
    for descriptor, kind in zip(joined, order["joins"], strict=True):
        system.setns(descriptor, kind)
    if order["uid"] is not None:
        system.become(order["uid"])
    system.join(order["sandbox"], frozenset(order["elsewhere"]))


def _attend(agent: socket.socket, pid: int, give_go: int) -> NoReturn:
    with suppress(OSError):
        agent.send(json.dumps({"pid": pid}).encode())
        os.write(give_go, b"g")
    os.close(give_go)
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    code = ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status
    with suppress(OSError):
        agent.send(json.dumps({"status": code}).encode())
        agent.recv(1)  # the agent closes the socket when it needs the pid no more
    os.waitpid(pid, 0)
    os._exit(0)


def _become(order: dict[str, Any], path: list[str]) -> Callable[[], int]:
    """Make everything of this process that a program can see what an exec would have made it."""
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    if "tempfile" in sys.modules:
        sys.modules["tempfile"].tempdir = None
    os.chdir(order["cwd"])
    argv: list[str] = order["argv"]
    sys.orig_argv = ["python", *argv]
    sys.path[:] = [os.path.dirname(os.path.realpath(argv[0])), *path]
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = _stream(number, getattr(sys, name))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    _reseed()
    _fit_threads()
    for name in _OURS:
        del sys.modules[name]
    gc.enable()
    return lambda: _leave(_run(argv))


def _run(argv: list[str]) -> int:
    if not os.path.isfile(argv[0]):
        absolute = os.path.abspath(argv[0])
        print(f"{sys.executable}: can't open file '{absolute}': [Errno 2] No such file or directory", file=sys.stderr)
        return 2
    code, _, exception = script.run(argv[0], argv)
    return _INTERRUPTED if exception == "KeyboardInterrupt" else code


def _leave(code: int) -> NoReturn:
    """End as the interpreter does: threads, exit handlers, the program's own objects, open files.

    The teardown of a thousand modules and of their libraries is left out: it would copy most of the zygote's memory to
    free it, 100 ms for nothing. A library that the program itself loaded may want its end, so then C's exit runs.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    names = sys.modules["__main__"].__dict__
    for name in [name for name in names if name != "__builtins__"]:
        names[name] = None
    gc.collect()  # what was there before the fork is frozen, and in neither of these
    standard = (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__)
    for file in [found for found in gc.get_objects() if isinstance(found, io.IOBase) and found not in standard]:
        with suppress(Exception):
            file.close()
    for stream in standard:
        with suppress(Exception):
            stream.flush()
    libc = ctypes.PyDLL(None)  # keeps the interpreter's lock, so that no daemon thread runs on
    if libraries() - _LIBRARIES:
        libc.exit(code)
    libc.fflush(None)
    os._exit(code)


def libraries() -> set[str]:
    """Shared libraries in this process."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        return {line.split(maxsplit=5)[5] for line in file if ".so" in line}


def remember() -> None:
    """Take down what every fork begins with."""
    _LIBRARIES.update(libraries())


def _stream(number: int, like: Any) -> io.TextIOWrapper:
    """A standard stream as the interpreter makes it: the zygote's own remembers what kind of file it had."""
    raw = io.FileIO(number, "w", closefd=False)
    raw.name = f"<{('stdin', 'stdout', 'stderr')[number]}>"
    stream = io.TextIOWrapper(raw, encoding=like.encoding, errors=like.errors, newline="\n", write_through=True)
    stream.mode = "w"  # type: ignore[attr-defined]
    return stream


def _reseed() -> None:
    """Generators that are seeded once for a process; ``random`` sees to itself."""
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    if "torch" in sys.modules:
        sys.modules["torch"].seed()


def _fit_threads() -> None:
    """Libraries counted the cores when the zygote loaded them; a job may have been given fewer."""
    own = len(os.sched_getaffinity(0))
    if own < (os.cpu_count() or 1) and "threadpoolctl" in sys.modules:
        sys.modules["threadpoolctl"].threadpool_limits(own)


# The job sees the runtime at another path, and imports it anew.
_OURS = [name for name in sys.modules if name.partition(".")[0] == "sagewright_runtime"]
