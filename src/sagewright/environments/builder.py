"""Environments on this machine: built once by uv, found by their content, shared by all servers of a user.

An environment's directory is named by the digest of everything that decides its content. It is built in place under a
file lock, because a virtual environment knows its own path; ``.complete`` is written last, so a build that was cut off
is wiped and begun again. A ``requirements.txt`` makes a further environment: hard links to the first, and the
requirements on top.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uv

from sagewright.environments import catalog, interpreters
from sagewright.environments.catalog import EnvironmentSpec
from sagewright.environments.requirements import normalise

Log = Callable[[str], None]

PACKAGES = "/opt/sagewright/lib/sagewright_runtime/packages"
"""Where a job finds the packages of AWS's images that we stand in for; last on its path."""
_MARKER = ".complete"
_LAYOUT = "2"  # change it when a build's result changes though its inputs do not
_LAST_LINES = 12
# uv does not read pip's settings; a user who has set only those means them for us too.
_PIP_TO_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CERT": "SSL_CERT_FILE",
}
_KEPT = ("HOME", "PATH", "TMPDIR", "LANG", "NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy",
         "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")  # fmt: skip
_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONSTRAINT",
          "UV_OVERRIDE", "UV_EXCLUDE_NEWER", "UV_PRERELEASE", "UV_RESOLUTION", "UV_TORCH_BACKEND")  # fmt: skip


class BuildFailed(RuntimeError):
    """An environment could not be built; the message ends with what the installer said."""


@dataclass(frozen=True, slots=True)
class Built:
    """An environment on disk: its directory, what it is made of, seconds since the epoch it was built."""

    path: Path
    name: str
    requirements: tuple[str, ...]
    built_at: float


def warm_modules(path: Path) -> tuple[str, ...]:
    """What may be imported ahead of time in the environment at ``path``, with the server's rights.

    Nothing where a user's requirements are in it: they are a user's choice, and may change what an import does.
    """
    try:
        built = json.loads((path / _MARKER).read_text("utf-8"))
        return () if built["requirements"] else catalog.named(built["name"]).warm
    except (OSError, KeyError):
        return ()


class Builder:
    """Makes and finds environments below ``cache_dir/environments``."""

    def __init__(self, cache_dir: Path, env: Mapping[str, str] | None = None) -> None:
        self._root = cache_dir / "environments"
        self._env = _installer_environment(os.environ if env is None else env)

    def ready(self, spec: EnvironmentSpec, requirements: str | None = None) -> Path | None:
        """The environment's root if it is built, else None; builds nothing. Raises ``BuildFailed`` as ``build``."""
        path = self._path(spec, _lines(requirements))
        return path if (path / _MARKER).exists() else None

    def build(self, spec: EnvironmentSpec, requirements: str | None = None, log: Log = lambda _: None) -> Path:
        """The environment's root, built first if need be; ``log`` gets the installer's lines.

        Takes seconds to a minute. Two callers, also in two servers, build once. Raises ``BuildFailed``, also for
        requirements that the server does not install.
        """
        extra = _lines(requirements)
        path = self._path(spec, extra)
        if (path / _MARKER).exists():
            return path
        base = self.build(spec, None, log) if extra else None
        with self._lock(path):
            if (path / _MARKER).exists():
                return path
            shutil.rmtree(path, ignore_errors=True)
            try:
                if base is None:
                    self._install_base(path, spec, log)
                else:
                    self._install_layer(path, base, extra, log)
            except BaseException:
                shutil.rmtree(path, ignore_errors=True)
                raise
            built = {"name": spec.name, "requirements": extra, "built_at": time.time()}
            (path / _MARKER).write_text(json.dumps(built), "utf-8")
        return path

    def warm(self, names: Iterable[str], log: Log = lambda _: None) -> dict[str, Path]:
        """Build the named environments, such as ``xgboost-3.0-5``; raises ``KeyError`` for a name there is not."""
        return {name: self.build(catalog.named(name), None, log) for name in names}

    def built(self) -> list[Built]:
        """Every complete environment, newest first."""
        found = []
        for marker in self._root.glob(f"*/{_MARKER}"):
            entry = json.loads(marker.read_text("utf-8"))
            found.append(Built(marker.parent, entry["name"], tuple(entry["requirements"]), entry["built_at"]))
        return sorted(found, key=lambda built: -built.built_at)

    def remove(self, path: Path) -> None:
        """Delete one environment of ``built``; a build of the same afterwards starts anew."""
        with self._lock(path):
            (path / _MARKER).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)

    def _path(self, spec: EnvironmentSpec, extra: tuple[str, ...]) -> Path:
        parts = {
            "layout": _LAYOUT,
            "requirements": spec.requirements,
            "extra": extra,
            "index": {name: self._env[name] for name in _INDEX if name in self._env},
            "python": _interpreter(spec.python),
            "platform": f"{sys.platform} {platform.machine()} {platform.libc_ver()}",
        }
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return self._root / f"{spec.name}-{digest[:16]}"

    @contextmanager
    def _lock(self, path: Path) -> Iterator[None]:
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / f"{path.name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _install_base(self, path: Path, spec: EnvironmentSpec, log: Log) -> None:
        # Relocatable scripts carry no path, so a layer may be a plain copy. pip is seeded: SDK v3 asks for it in jobs.
        self._uv(["venv", "--seed", "--relocatable", "--python", _interpreter(spec.python), str(path)], log)
        self._install(path, spec.requirements, log)
        site_packages = next(path.glob("lib/python*/site-packages"))
        (site_packages / "sagewright.pth").write_text(f"{PACKAGES}\n", "utf-8")
        self._compile(path)

    def _install_layer(self, path: Path, base: Path, extra: tuple[str, ...], log: Log) -> None:
        shutil.copytree(base, path, symlinks=True, copy_function=os.link, ignore=shutil.ignore_patterns(_MARKER))
        self._install(path, extra, log)
        self._compile(path)

    def _install(self, path: Path, lines: Iterable[str], log: Log) -> None:
        # --no-build: a source distribution is a program, and this runs with the server's rights.
        argv = ["pip", "install", "--no-build", "--python", str(path / "bin/python"), "--requirements", "-"]
        self._uv(argv, log, stdin="\n".join(lines))

    def _compile(self, path: Path) -> None:
        # By the interpreter below the environment and without `site`: what was just installed must not run here.
        python = Path(os.path.realpath(path / "bin/python"))
        site_packages = next(path.glob("lib/python*/site-packages"))
        # -qq and no check: some packages ship templates that are not Python.
        argv = [str(python), "-I", "-S", "-m", "compileall", "-qq", "-j", "0", "-x", "/tests/", str(site_packages)]
        subprocess.run(argv, env=self._env, check=False, stdin=subprocess.DEVNULL)

    def _uv(self, argv: list[str], log: Log, stdin: str = "") -> None:
        command = [uv.find_uv_bin(), *argv, "--no-progress", "--color", "never"]
        last: deque[str] = deque(maxlen=_LAST_LINES)
        with subprocess.Popen(
            command, env=self._env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", cwd=self._root,
        ) as process:  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(stdin)  # a few kilobytes at most by the API's limits, far below a pipe's buffer
            process.stdin.close()
            for line in process.stdout:
                last.append(line.rstrip())
                log(line.rstrip())
        if process.returncode:
            raise BuildFailed(f"uv {argv[0]} exited with {process.returncode}:\n" + "\n".join(last))


def _installer_environment(env: Mapping[str, str]) -> dict[str, str]:
    """What the installer may see: the user's index settings, never the server's secrets."""
    kept = {name: value for name, value in env.items() if name in _KEPT or name.startswith("UV_")}
    for pip_name, uv_name in _PIP_TO_UV.items():
        if pip_name in env:
            kept.setdefault(uv_name, env[pip_name])
    return kept | {"UV_PYTHON_DOWNLOADS": "never"}


def _lines(requirements: str | None) -> tuple[str, ...]:
    try:
        return normalise(requirements or "")
    except ValueError as error:
        raise BuildFailed(str(error)) from None


def _interpreter(wanted: str) -> str:
    """An interpreter of version ``wanted``, empty for the server's own; a version that is not found is left to uv."""
    version = wanted or interpreters.OWN
    return interpreters.find(version) or version
