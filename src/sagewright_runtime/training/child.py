"""Programs run as children of ``train``: packages, shell scripts, pip."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from types import FrameType

from sagewright_runtime.training.failures import ProgramFailed, digest

_TAIL_BYTES = 64 * 1024
_DRAIN_SECONDS = 1.0


def run(command: list[str], name: str) -> None:
    """Run a program to its end, its errors passed on as they come; SIGTERM and SIGINT go to it.

    Raises ``ProgramFailed``, called ``name``, when it ends with another code than 0, and ``SystemExit`` with the
    shell's code (143) when it died of a signal that was passed on.
    """
    signals: list[int] = []
    started: list[subprocess.Popen[bytes]] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        signals.append(number)
        for process in started:
            process.send_signal(number)

    previous = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
    tail = bytearray()
    try:
        # The shell execs the command, so that signals reach it.
        shell_command = [*command[:2], f"exec {command[2]}"] if command[0] == "/bin/sh" else command
        process = subprocess.Popen(shell_command, stderr=subprocess.PIPE)
        started.append(process)
        for number in signals:
            process.send_signal(number)
        reader = threading.Thread(target=_pass_on, args=(process, tail), daemon=True)
        reader.start()
        code = process.wait()
        reader.join(_DRAIN_SECONDS)  # a grandchild may hold the pipe open for ever
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if code < 0 and -code in signals:
        raise SystemExit(128 - code)
    if code:
        raise ProgramFailed(name, code, digest(tail.decode("utf-8", "replace")), command)


def _pass_on(process: subprocess.Popen[bytes], tail: bytearray) -> None:
    assert process.stderr is not None
    while True:
        chunk = os.read(process.stderr.fileno(), _TAIL_BYTES)
        if not chunk:
            return
        os.write(2, chunk)
        tail += chunk
        del tail[:-_TAIL_BYTES]
