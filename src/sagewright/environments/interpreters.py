"""The Python interpreters of this machine, by their version."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The server's own version, ``3.x``."""
_ASK = "import os, sys; print('%d.%d' % sys.version_info[:2], os.path.realpath(sys.executable))"
_SECONDS = 10


def choose(versions: Iterable[str]) -> str | None:
    """The first of ``versions`` (``3.x``) that is on this machine, the server's own before all; None for none."""
    wanted = list(versions)
    if OWN in wanted:
        return OWN
    return next((version for version in wanted if find(version)), None)


@cache
def find(version: str) -> str | None:
    """The path of an interpreter of ``version``, or None where this machine has none.

    An interpreter below a private home directory is out of reach of programs that run under another user id, so the
    machine's own is preferred to it.
    """
    found = [path for candidate in _candidates(version) if (path := _asked(candidate, version))]
    return next((path for path in found if _reachable(Path(path))), (*found, None)[0])


def _candidates(version: str) -> Iterator[str]:
    """Where interpreters are found: the server's own, the machine's, PATH, pyenv's and uv's."""
    if version == OWN:
        yield os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    for path in ("/usr/local/bin:/usr/bin", None):
        if named := shutil.which(f"python{version}", path=path):
            yield named
    home = Path(os.environ.get("HOME", "/"))
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv")) / "versions"
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", home / ".local/share/uv/python"))
    for folder, pattern in ((pyenv, f"{version}.*"), (managed, f"cpython-{version}.*")):
        yield from (str(found) for found in sorted(folder.glob(f"{pattern}/bin/python{version}"), reverse=True))


def _asked(candidate: str, version: str) -> str | None:
    """The interpreter behind ``candidate``, if it runs and is of ``version``: a shim of pyenv may be neither."""
    try:
        done = subprocess.run(
            [candidate, "-I", "-S", "-c", _ASK], capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    answered, _, path = done.stdout.strip().partition(" ")
    return path if answered == version else None


def _reachable(path: Path) -> bool:
    """Whether any user may execute this file: every directory above it lets others pass."""
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents))
