"""Where this machine lets us make control groups: cgroup v2 where it is handed to us, else v1 as root, else nowhere."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

CONTROLLERS = ("memory", "pids", "cpu")
_LEAF = "sagewright-server"


def control_groups(name: str) -> dict[str, str]:
    """For each controller that may be used, the directory of a group ``name`` for the agent to make."""
    return {controller: str(parent / name) for controller, parent in _parents().items()}


@cache
def _parents() -> dict[str, Path]:
    mounts, own = _mounts(), _own()
    if "" in mounts and (parent := _delegated(mounts[""] / own.get("", "").lstrip("/"))):
        return dict.fromkeys(CONTROLLERS, parent)
    found: dict[str, Path] = {}
    for controller in CONTROLLERS:
        if controller in mounts:
            # Below our own group, never beside it: whoever limits this server limits its jobs as well.
            parent = mounts[controller] / own.get(controller, "").lstrip("/")
            if os.access(parent, os.W_OK):
                found[controller] = parent
    return found


def _delegated(own: Path) -> Path | None:
    """A v2 group that hands our controllers down. A group with processes cannot, so this server moves to a leaf."""
    if own.name == _LEAF:
        own = own.parent
    try:
        if not set(CONTROLLERS) <= set((own / "cgroup.controllers").read_text().split()):
            return None
        wanted = " ".join(f"+{controller}" for controller in CONTROLLERS)
        if not set(CONTROLLERS) <= set((own / "cgroup.subtree_control").read_text().split()):
            leaf = own / _LEAF
            leaf.mkdir(exist_ok=True)
            (leaf / "cgroup.procs").write_text(str(os.getpid()))
            (own / "cgroup.subtree_control").write_text(wanted)
    except OSError:
        return None
    return own if os.access(own, os.W_OK) else None


def _mounts() -> dict[str, Path]:
    """Controller → where its hierarchy is mounted; the key of cgroup v2 is empty."""
    found: dict[str, Path] = {}
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            kind, _, options = after.split(" ", 2)
            place = Path(before.split()[4])
            if kind == "cgroup2":
                found[""] = place
            elif kind == "cgroup":
                found.update({option: place for option in options.split(",") if option in CONTROLLERS})
    return found


def _own() -> dict[str, str]:
    """Controller → this process's group; the key of cgroup v2 is empty."""
    found: dict[str, str] = {}
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            found.update(dict.fromkeys(controllers.split(","), path))
    return found
