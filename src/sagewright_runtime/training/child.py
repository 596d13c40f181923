"""Programs run as children of ``train``: packages, shell scripts, pip."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from types import FrameType

from sagewright_runtime.training.failures import ProgramFailed, digest

_KEPT_BYTES = 64 * 1024
_DRAIN_SECONDS = 1.0


def run(command: list[str], name: str) -> None:
    """Run a program to its end, its errors passed on as they come; SIGTERM and SIGINT go to it.

    Raises ``ProgramFailed``, called ``name``, when it ends with another code than 0, and ``SystemExit`` with the
    shell's code (143) when it died of a signal that was passed on.
    """
    passed: list[int] = []
    started: list[subprocess.Popen[bytes]] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        passed.append(number)
        for process in started:
            process.send_signal(number)

    previous = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
    tail = bytearray()
    try:
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        started.append(process)
        for number in passed:
            process.send_signal(number)
        reader = threading.Thread(target=_pass_on, args=(process, tail), daemon=True)
        reader.start()
        code = process.wait()
        reader.join(_DRAIN_SECONDS)  # a grandchild may hold the pipe open for ever
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if code < 0 and -code in passed:
        raise SystemExit(128 - code)
    if code:
        raise ProgramFailed(name, code, digest(tail.decode("utf-8", "replace")), command)


def pip_install(what: list[str], name: str) -> None:
    """Install into the environment; into a directory of our own, put on the paths, when that is read-only.

    Raises ``ProgramFailed`` called ``name``.
    """
    command = [sys.executable, "-m", "pip", "install", *what]
    if not os.access(sysconfig.get_path("purelib"), os.W_OK):
        prefix = tempfile.mkdtemp(prefix="packages-")
        site_packages = sysconfig.get_path("purelib", "posix_prefix", {"base": prefix, "platbase": prefix})
        os.environ["PYTHONPATH"] = f"{os.environ.get('PYTHONPATH', '')}:{site_packages}".lstrip(":")
        os.environ["PATH"] = f"{prefix}/bin:{os.environ['PATH']}"
        sys.path.insert(0, site_packages)
        command += ["--prefix", prefix]
    run(command, name)


def _pass_on(process: subprocess.Popen[bytes], tail: bytearray) -> None:
    assert process.stderr is not None
    while chunk := os.read(process.stderr.fileno(), _KEPT_BYTES):
        os.write(2, chunk)
        tail += chunk
        del tail[:-_KEPT_BYTES]
