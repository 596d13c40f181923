"""The zygotes of this server: one for each environment in use, a few at a time, ended with the server or when idle."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagewright.backends.local import RUNTIME

log = logging.getLogger(__name__)

Modules = Callable[[Path], Sequence[str]]

_ZYGOTE = RUNTIME / "zygote" / "__main__.py"
_MOST = 4
_MEMORY_SHARE = 8
"""Zygotes together take at most one part in this many of the machine's memory."""


@dataclass(slots=True)
class _Zygote:
    process: subprocess.Popen[bytes]
    control: socket.socket
    used: float
    ready: bool = False
    bytes: int = 0
    trouble: str = ""

    def listen(self, *, wait_seconds: float = 0.0) -> None:
        """Take what it has to say."""
        if self.ready or self.trouble:
            return
        self.control.settimeout(wait_seconds)
        try:
            said = json.loads(self.control.recv(65536) or b'{"trouble": "it died"}')
        except (BlockingIOError, TimeoutError):
            return
        except OSError as error:
            said = {"trouble": str(error)}
        self.ready = "ready" in said
        self.bytes = said.get("bytes", 0)
        self.trouble = said.get("trouble", "")
        if self.trouble:
            log.warning("jobs start cold in %s: %s", self.process.args[0], self.trouble)  # type: ignore[index]

    def end(self) -> None:
        """Hang up, which ends it."""
        self.control.close()


class Zygotes:
    """``modules`` gives what a zygote of an environment imports; nothing for one that has to start cold.

    ``env`` is what a zygote's libraries see when they are loaded, the same that every job has.
    """

    def __init__(self, modules: Modules, env: Callable[[str], Mapping[str, str]]) -> None:
        self._modules = modules
        self._env = env
        self._all: dict[str, _Zygote] = {}
        self._lock = threading.Lock()

    def line(self, environment: str) -> socket.socket | None:
        """A line to a new process of ``environment``'s zygote. None, at once, while there is none that is ready: one
        is started where that may help the next."""
        with self._lock:
            zygote = self._find(environment)
            if zygote is None:
                return None
            zygote.listen()
            if not zygote.ready:
                return None
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                try:
                    zygote.control.settimeout(0)
                    socket.send_fds(zygote.control, [b"fork"], [theirs.fileno()])
                except OSError:  # it is ending: the next job finds a new one
                    ours.close()
                    return None
            self._shrink(environment)
            return ours

    def await_ready(self, environment: str, seconds: float) -> bool:
        """Start ``environment``'s zygote and wait for it; False when it is not ready by then."""
        with self._lock:
            zygote = self._find(environment)
            if zygote is not None:
                zygote.listen(wait_seconds=seconds)
            return zygote is not None and zygote.ready

    def pid(self, environment: str) -> int:
        """The process id of ``environment``'s zygote, 0 where there is none."""
        zygote = self._all.get(environment)
        return 0 if zygote is None or zygote.trouble else zygote.process.pid

    def close(self) -> None:
        """End all; processes that they forked live on."""
        with self._lock:
            for environment in tuple(self._all):
                self._drop(environment)

    def _find(self, environment: str) -> _Zygote | None:
        zygote = self._all.get(environment)
        if zygote is not None and zygote.process.poll() is not None and zygote.ready:
            self._drop(environment)  # it was idle for long, or was killed
            zygote = None
        if zygote is None:
            modules = self._modules(Path(environment))
            if not modules:
                return None
            try:
                zygote = self._all[environment] = self._start(environment, modules)
            except OSError as error:
                log.warning("no zygote for %s: %s", environment, error)
                return None
        if zygote.trouble:
            return None  # the next would fail as well
        zygote.used = time.monotonic()
        return zygote

    def _start(self, environment: str, modules: Sequence[str]) -> _Zygote:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                [f"{environment}/bin/python", _ZYGOTE, str(theirs.fileno()), *modules],
                env=self._env(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )
        return _Zygote(process, ours, time.monotonic())

    def _shrink(self, kept: str) -> None:
        """End those unused for longest until number and memory are within bounds."""
        budget = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MEMORY_SHARE
        for environment in sorted(self._all, key=lambda name: self._all[name].used):
            alive = [zygote for zygote in self._all.values() if not zygote.trouble]
            if len(alive) <= _MOST and sum(zygote.bytes for zygote in alive) <= budget:
                return
            if environment != kept:
                self._drop(environment)

    def _drop(self, environment: str) -> None:
        zygote = self._all.pop(environment)
        zygote.end()
