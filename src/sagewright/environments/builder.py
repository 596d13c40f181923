"""Environments on this machine: built once by uv, found by their content, shared by all servers of a user.

An environment's directory is named by the digest of everything that decides its content. It is built in place under a
file lock, because a virtual environment knows its own path; ``.complete`` is written last, so a build that was cut off
is wiped and begun again. A ``requirements.txt`` makes a further environment: hard links to the first, and the
requirements on top, installed within bounds and in a sandbox. Who uses an environment holds a shared lock on its
``.complete``; those that nobody uses are deleted, the least recently used first, when all together take too much.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import uv

from sagewright.environments import catalog, interpreters, sources
from sagewright.environments.catalog import EnvironmentSpec
from sagewright.environments.installer import INDEXES, Bounds, BuildFailed, Log, Watched, disk_usage, run, sandboxed
from sagewright.environments.requirements import Requirements, name_of, needs_network, parse

PACKAGES = "/opt/sagewright/lib/sagewright_runtime/packages"
"""Where a job finds the packages of AWS's images that we stand in for; last on its path."""
_MARKER = ".complete"
_CACHE = ".build"  # in the environment, so that files can be moved from it
_LAYOUT = "3"  # change it when a build's result changes though its inputs do not
_LOCK_LOOK_SECONDS = 0.2
_UNUSED_SECONDS = 3600.0
"""An environment that was asked for so lately is not deleted: whoever asked may be about to use it."""
# uv does not read pip's settings; a user who has set only those means them for us too.
_PIP_TO_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CERT": "SSL_CERT_FILE",
}
_KEPT = ("HOME", "PATH", "TMPDIR", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "XDG_CONFIG_HOME", "http_proxy",
         "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")  # fmt: skip
_INDEX = (*INDEXES, "UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE_NEWER", "UV_PRERELEASE", "UV_RESOLUTION",
          "UV_TORCH_BACKEND")  # fmt: skip
_NO_WHEEL = re.compile(r"Wheels are required for `([^`]+)` because building from source is disabled")
_MOST_WITHOUT_WHEELS = 16
_BUILT = "is built with the help of a package index"
_ELSEWHERE = "in the job, which reaches none: with SAGEWRIGHT_JOB_NETWORK=host it does"
# Packages that a job installs itself go to a directory of its own, which every interpreter of the environment looks
# into first. A .pth file, for what is installed there may have such files as well.
_JOB_PACKAGES = """\
import os, site, sys
def add():
    place = os.environ.get("SAGEWRIGHT_PACKAGES")
    if place:
        place += "/lib/python%d.%d/site-packages" % sys.version_info[:2]
        known = len(sys.path)
        site.addsitedir(place)
        first = next((n for n, each in enumerate(sys.path) if each.endswith("site-packages")), known)
        sys.path[first:] = sys.path[known:] + sys.path[first:known]
add()
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An environment that some work needs: an image's, with the requirements of a file on top.

    ``disk_bytes`` is how much those may take; ``has_network`` says whether the work reaches what it installs itself.
    """

    spec: EnvironmentSpec
    requirements: str | None = None
    disk_bytes: int = 0
    has_network: bool = False


@dataclass(frozen=True, slots=True)
class Built:
    """An environment on disk: its directory, what it is made of, seconds since the epoch it was built."""

    path: Path
    name: str
    requirements: tuple[str, ...]
    built_at: float
    used_at: float


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
        """The environment's root if it is built, else None; builds nothing."""
        path = self._path(spec, self._parsed(requirements))
        try:
            os.utime(path / _MARKER)
        except OSError:
            return path if (path / _MARKER).exists() else None
        return path

    def find(self, wanted: Wanted) -> Path | None:
        """As ``ready``. Raises ``BuildFailed`` for a line that the work has to install itself and cannot reach."""
        if not wanted.has_network:
            for line in self._parsed(wanted.requirements).own:
                if needs_network(line):
                    raise BuildFailed(f"requirements.txt: the line {line!r} is installed over the network {_ELSEWHERE}")
        path = self.ready(wanted.spec, wanted.requirements)
        if path is not None and not wanted.has_network:
            built = json.loads((path / _MARKER).read_text("utf-8"))
            for line in built["own"]:
                if name_of(line) and line not in built.get("fetched", ()):
                    raise BuildFailed(f"requirements.txt: the line {line!r} has no wheel and {_BUILT} {_ELSEWHERE}")
        return path

    def build(
        self, spec: EnvironmentSpec, requirements: str | None = None, log: Log = lambda _: None,
        bounds: Bounds | None = None,
    ) -> Path:  # fmt: skip
        """The environment's root, built first if need be; ``log`` gets the installer's lines.

        Takes seconds to a minute. Two callers, also in two servers, build once. Raises ``BuildFailed``, also for what
        this machine's disk refuses.
        """
        extra = self._parsed(requirements)
        path = self._path(spec, extra)
        bounds = bounds or Bounds()
        if (path / _MARKER).exists():
            return path
        base = self.build(spec, None, log, Bounds(bounds.seconds, 0, bounds.cancelled)) if extra.lines else None
        try:
            self._build(path, base, spec, extra, log, bounds)
        except OSError as error:
            raise BuildFailed(f"the environment cannot be built in {self._root}: {error}") from error
        return path

    def _build(
        self, path: Path, base: Path | None, spec: EnvironmentSpec, extra: Requirements, log: Log, bounds: Bounds
    ) -> None:  # fmt: skip
        watched = Watched(bounds, (path,), disk_usage(base) if base and bounds.disk_bytes else 0)
        with self._lock(path, watched):
            if (path / _MARKER).exists():
                return
            shutil.rmtree(path, ignore_errors=True)
            fetched: list[str] = []
            try:
                if base is None:
                    self._install_base(path, spec, watched, log)
                else:
                    extra, fetched = self._install_layer(path, base, extra, watched, log)
            except BaseException:
                shutil.rmtree(path, ignore_errors=True)
                raise
            built = {"name": spec.name, "requirements": extra.lines, "own": extra.own, "built_at": time.time()}
            built |= {"fetched": fetched}
            (path / _MARKER).write_text(json.dumps(built), "utf-8")

    def warm(self, names: Iterable[str], log: Log = lambda _: None) -> dict[str, Path]:
        """Build the named environments, such as ``xgboost-3.0-5``; raises ``KeyError`` for a name there is not."""
        return {name: self.build(catalog.named(name), None, log) for name in names}

    def built(self) -> list[Built]:
        """Every complete environment, newest first."""
        found = []
        for marker in self._root.glob(f"*/{_MARKER}"):
            with suppress(OSError, ValueError, KeyError):
                entry = json.loads(marker.read_text("utf-8"))
                used = marker.stat().st_mtime
                found.append(Built(marker.parent, entry["name"], tuple(entry["requirements"]), entry["built_at"], used))
        return sorted(found, key=lambda built: -built.built_at)

    def remove(self, path: Path) -> bool:
        """Delete one environment of ``built`` unless something uses it; a build of the same then starts anew."""
        with suppress(FileNotFoundError), self._lock(path), (path / _MARKER).open("rb") as marker:
            try:
                fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            (path / _MARKER).unlink()
            shutil.rmtree(path, ignore_errors=True)
        return True

    def evict(self, most_bytes: int, unused_seconds: float = _UNUSED_SECONDS) -> list[Path]:
        """Delete the least recently used environments until all take ``most_bytes``, and what broken builds left.

        Those that are in use, or were asked for less than ``unused_seconds`` ago, stay.
        """
        removed: list[Path] = []
        by_use = sorted(self.built(), key=lambda built: built.used_at)
        for built in by_use:
            if disk_usage(self._root) <= most_bytes:
                break
            if time.time() - built.used_at >= unused_seconds and self.remove(built.path):
                removed.append(built.path)
        return removed

    def unusable(self) -> str:
        """Why nothing can be built here, in words for the operator; empty when it can."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._root):
                return ""
        except OSError as error:
            return f"environments cannot be built in {self._root}: {error.strerror}; --cache-dir names another place"

    def _parsed(self, requirements: str | None) -> Requirements:
        return parse(requirements or "", {name: self._env[name] for name in INDEXES if name in self._env})

    def _path(self, spec: EnvironmentSpec, extra: Requirements) -> Path:
        parts = {
            "layout": _LAYOUT,
            "requirements": spec.requirements,
            "extra": [*extra.lines, "with sources"] if extra.lines else (),
            "index": {name: self._env[name] for name in _INDEX if name in self._env},
            "python": _interpreter(spec.python),
            "platform": f"{sys.platform} {platform.machine()} {platform.libc_ver()}",
        }
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return self._root / f"{spec.name}-{digest[:16]}"

    @contextmanager
    def _lock(self, path: Path, watched: Watched | None = None) -> Iterator[None]:
        """Be the only one to build or delete ``path``; a build that waits for another keeps its own bounds."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / f"{path.name}.lock").open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if watched is not None:
                        watched.require()
                    time.sleep(_LOCK_LOOK_SECONDS)
            yield

    def _install_base(self, path: Path, spec: EnvironmentSpec, watched: Watched, log: Log) -> None:
        # Relocatable scripts carry no path, so a layer may be a plain copy. pip is seeded: SDK v3 asks for it in jobs.
        program = [uv.find_uv_bin()]
        argv = ["venv", "--seed", "--relocatable", "--python", _interpreter(spec.python), str(path)]
        run([*program, *argv, *_QUIET], self._env, self._root, watched, log)
        seeds = [] if list(path.glob("lib/python*/site-packages/setuptools")) else ["setuptools<81", "wheel"]
        lines = "\n".join((*spec.requirements, *seeds))
        run([*program, *_install(path), *_QUIET], self._env, self._root, watched, log, lines)
        site_packages = next(path.glob("lib/python*/site-packages"))
        (site_packages / "_sagewright_packages.py").write_text(_JOB_PACKAGES)
        (site_packages / "_sagewright_packages.pth").write_text("import _sagewright_packages\n")
        (site_packages / "sagewright.pth").write_text(f"{PACKAGES}\n", "utf-8")
        self._compile(path)

    def _install_layer(
        self, path: Path, base: Path, extra: Requirements, watched: Watched, log: Log
    ) -> tuple[Requirements, list[str]]:
        """Install what is named. Lines that have no wheels become the job's own.

        Returns the requirements, and those of the job's own lines whose source distributions lie in the environment.
        """
        shutil.copytree(base, path, symlinks=True, copy_function=os.link, ignore=shutil.ignore_patterns(_MARKER))
        cache = path / _CACHE
        cache.mkdir()
        constraints = cache / "constraints.txt"
        constraints.write_text("\n".join(extra.constraints), "utf-8")
        fetched: list[str] = []
        with sandboxed(path, cache, self._env) as (program, env):
            held = ["--constraints", str(constraints)] if extra.constraints else []
            argv = [program[-1], *_install(path), *held, *_QUIET]

            def execute(command: list[str], text: str) -> None:
                run([*program[:-1], *command], env, self._root, watched, log, text)

            for _ in range(_MOST_WITHOUT_WHEELS):
                if not extra.named:
                    break
                try:
                    execute(argv, "\n".join(extra.named))
                    break
                except BuildFailed as failure:
                    found = _NO_WHEEL.search(str(failure))
                    less = extra.without(found[1]) if found else extra
                    if found is None or less == extra:
                        raise
                    lines = [line for line in less.own if line not in extra.own]
                    extra = less
                with suppress(BuildFailed, sources.NoSource):
                    watched.require()
                    extra = extra.needing(sources.fetch(lines, found[1], path, program[-1], execute))
                    fetched += lines
        shutil.rmtree(cache, ignore_errors=True)
        self._compile(path)
        return extra, fetched

    def _compile(self, path: Path) -> None:
        # By the interpreter below the environment and without `site`: what was just installed must not run here.
        python = Path(os.path.realpath(path / "bin/python"))
        site_packages = next(path.glob("lib/python*/site-packages"))
        # -qq and no check: some packages ship templates that are not Python.
        argv = [str(python), "-I", "-S", "-m", "compileall", "-qq", "-j", "0", "-x", "/tests/", str(site_packages)]
        subprocess.run(argv, env=self._env, check=False, stdin=subprocess.DEVNULL)


_QUIET = ("--no-progress", "--color", "never")


def _install(path: Path) -> list[str]:
    # --no-build: a source distribution is a program, and this runs with the server's rights.
    return ["pip", "install", "--no-build", "--python", str(path / "bin/python"), "--requirements", "-"]


def _installer_environment(env: Mapping[str, str]) -> dict[str, str]:
    """What the installer may see: the user's index settings, never the server's secrets."""
    kept = {name: value for name, value in env.items() if name in _KEPT or name.startswith("UV_")}
    for pip_name, uv_name in _PIP_TO_UV.items():
        if pip_name in env:
            kept.setdefault(uv_name, env[pip_name])
    return kept | {"UV_PYTHON_DOWNLOADS": "never"}


def _interpreter(wanted: str) -> str:
    """An interpreter of version ``wanted``, empty for the server's own; a version that is not found is left to uv."""
    version = wanted or interpreters.OWN
    return interpreters.find(version) or version
