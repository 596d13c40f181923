"""Runs uv for a build, within bounds: so many seconds, so many bytes, and no longer than somebody waits for it.

What users ask for is installed in a sandbox without the server's files, variables and network: it sees this machine's
programs, the interpreter, and the directories that it fills, and reaches the package index alone.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import uv

from sagewright.environments import relay_inside
from sagewright.environments.bubblewrap import find_bwrap, python_roots, top_level
from sagewright.environments.index_relay import IndexRelay

Log = Callable[[str], None]

_LAST_LINES = 12
_LOOK_SECONDS = 0.2
_MEASURE_SECONDS = 1.0
_URL = re.compile(r"https?://[^\s\"'\]]+")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
_ETC = ("ca-certificates", "pki", "ssl", "localtime", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "uv")
INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
_PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES")
_PASSWORD = re.compile(r"://[^/@\s]+@")
_FILES = ("UV_FIND_LINKS", "UV_CONSTRAINT", "UV_OVERRIDE", "UV_CONFIG_FILE", "SSL_CERT_FILE", "SSL_CERT_DIR")


class BuildFailed(RuntimeError):
    """An environment could not be built; the message ends with what the installer said."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a build may take: seconds, bytes of disk (0: no limit), and until ``cancelled`` is set."""

    seconds: float = 3600.0
    disk_bytes: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)


class Watched:
    """The time and the disk of one build, looked at while its programs run."""

    def __init__(self, bounds: Bounds, places: tuple[Path, ...], base_bytes: int = 0) -> None:
        self._bounds = bounds
        self._places = places
        self._base = base_bytes
        self._ends_at = time.monotonic() + bounds.seconds
        self._measure_at = time.monotonic() + _MEASURE_SECONDS

    def require(self) -> None:
        """Raises ``BuildFailed`` when the build is over one of its bounds."""
        if self._bounds.cancelled.is_set():
            raise BuildFailed("the build was given up: nobody waits for it any more")
        now = time.monotonic()
        if now > self._ends_at:
            raise BuildFailed(f"the packages were not installed within {self._bounds.seconds:g} seconds")
        if self._bounds.disk_bytes and now >= self._measure_at:
            self.measure()
            self._measure_at = time.monotonic() + _MEASURE_SECONDS

    def measure(self) -> None:
        """Raises ``BuildFailed`` when the build takes more disk than it may."""
        most = self._bounds.disk_bytes
        if most and disk_usage(*self._places) - self._base > most:
            raise BuildFailed(f"the packages take more than the {most >> 20} MiB of disk that the work may have")


def disk_usage(*places: Path) -> int:
    """Bytes of disk below the directories, each file counted once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for place in places:
        for directory, _, names in os.walk(place):
            for name in names:
                with suppress(OSError):
                    state = os.lstat(f"{directory}/{name}")
                    if (state.st_dev, state.st_ino) not in seen:
                        seen.add((state.st_dev, state.st_ino))
                        total += state.st_blocks * 512
    return total


def run(command: list[str], env: Mapping[str, str], cwd: Path, watched: Watched, log: Log, stdin: str = "") -> None:
    """Run a command of a build. Raises ``BuildFailed`` when it fails or the build is over its bounds."""
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", cwd=cwd, start_new_session=True,
    ) as process:  # fmt: skip
        threads = [
            threading.Thread(target=_write, args=(process, stdin), daemon=True),
            threading.Thread(target=_read, args=(process, last, log), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            while process.poll() is None:
                watched.require()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_SECONDS)
            threads[1].join(_MEASURE_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise BuildFailed(f"uv exited with {process.returncode}:\n" + "\n".join(last))
    watched.measure()


def _write(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdin is not None
    with suppress(OSError), process.stdin:
        process.stdin.write(text)


def _read(process: subprocess.Popen[str], last: deque[str], log: Log) -> None:
    assert process.stdout is not None
    with suppress(ValueError):  # closed, for the build is over
        for line in process.stdout:
            last.append(line.rstrip())
            log(line.rstrip())


@contextmanager
def sandboxed(environment: Path, cache: Path, env: Mapping[str, str]) -> Iterator[tuple[list[str], dict[str, str]]]:
    """How uv is run for what users ask for: the beginning of its command line, and its variables.

    It may write to ``environment`` alone, which ``cache`` is a part of. Without bubblewrap it runs as it is, for it
    executes nothing of what it installs.
    """
    kept = {name: value for name, value in env.items() if name.lower() not in _PROXIES and name != "NETRC"}
    bwrap = find_bwrap()
    (cache / "tmp").mkdir(parents=True, exist_ok=True)
    own = {"UV_CACHE_DIR": str(cache), "TMPDIR": str(cache / "tmp"), "UV_LINK_MODE": "hardlink"}
    if bwrap is None:
        yield [uv.find_uv_bin()], {**env, **own}
        return
    with IndexRelay(index_urls(env), env) as relay:
        arguments = [str(bwrap), "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
        arguments += ["--ro-bind", "/usr", "/usr", *top_level(), "--proc", "/proc", "--dev", "/dev"]
        arguments += ["--tmpfs", "/tmp", "--tmpfs", "/root"]  # noqa: S108 - inside the sandbox
        for name in _ETC:
            arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        for name, real in python_roots(str(environment)).items():
            arguments += ["--ro-bind", real, name]
        for file in _readable(env):
            arguments += ["--ro-bind-try", file, file]
        settings = Path(env.get("XDG_CONFIG_HOME") or Path(env.get("HOME", "/root"), ".config"), "uv")
        arguments += ["--ro-bind-try", str(settings), "/root/.config/uv"]
        arguments += ["--bind", str(environment), str(environment)]
        for source, target in ((Path(uv.find_uv_bin()), "/run/uv"), (Path(relay_inside.__file__), "/run/relay.py")):
            arguments += ["--ro-bind", str(source), target]
        arguments += ["--bind", str(relay.path.parent), "/run/index", "--chdir", str(environment)]
        python = os.path.realpath(environment / "bin/python")
        arguments += ["--", python, "-I", "-S", "/run/relay.py", f"/run/index/{relay.path.name}", "/run/uv"]
        yield arguments, {**kept, **own, "HOME": "/root", "PATH": "/usr/local/bin:/usr/bin:/bin"}


def index_urls(env: Mapping[str, str]) -> list[str]:
    """The URLs of the indexes that the operator has set for uv, by variables or in its settings."""
    texts = [env[name] for name in INDEXES if name in env]
    home = Path(env.get("XDG_CONFIG_HOME") or Path(env.get("HOME", "/root"), ".config"))
    for file in (home / "uv/uv.toml", Path("/etc/uv/uv.toml"), Path(env.get("UV_CONFIG_FILE") or "/nowhere")):
        with suppress(OSError, ValueError):
            texts.append(file.read_text("utf-8"))
    return [url for text in texts for url in _URL.findall(text)]


def pip_variables(env: Mapping[str, str]) -> dict[str, str]:
    """How pip in a job on this machine's network reaches the operator's index; without passwords."""
    settings = {name: env[name] for name in _PIP if env.get(name)}
    for name, others in (("PIP_INDEX_URL", INDEXES[:1] + INDEXES[2:3]), ("PIP_EXTRA_INDEX_URL", INDEXES[1::2])):
        urls = [url for other in others for url in _URL.findall(env.get(other, ""))]
        if urls:
            settings.setdefault(name, " ".join(urls))
    return {name: _PASSWORD.sub("://", text) for name, text in settings.items()}


def _readable(env: Mapping[str, str]) -> list[str]:
    """Files of the operator's that uv is told to read."""
    found = [path for name in _FILES for path in env.get(name, "").split() if path.startswith("/")]
    local = [url.removeprefix("file://") for name in INDEXES for url in env.get(name, "").split() if "file://" in url]
    return sorted({path for path in (*found, *local) if Path(path).is_absolute()})
