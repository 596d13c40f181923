"""Linux calls that Python 3.11 does not wrap."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def _call(name: str, *arguments: Any) -> None:
    import ctypes  # a start that needs no such call does not pay for it

    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave the namespaces of ``flags`` for new ones."""
    _call("unshare", flags)


def setns(descriptor: int, kind: int) -> None:
    """Enter the namespace that ``descriptor`` names."""
    _call("setns", descriptor, kind)


def die_with_parent(signal: int) -> None:
    """Ask for ``signal`` when the thread that forked this process ends."""
    _call("prctl", _PR_SET_PDEATHSIG, signal, 0, 0, 0)


def become_subreaper() -> None:
    """Orphaned descendants become our children, so that they can be waited for."""
    _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stage(paths: list[str], place: str) -> None:
    """In a new mount namespace, show ``paths`` as ``place/0``, ``place/1`` … to a user who may not reach them."""
    unshare(CLONE_NEWNS)
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    opened = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in paths]  # before place hides any of them
    _mount("tmpfs", place, "tmpfs", 0, "mode=755")
    for number, descriptor in enumerate(opened):
        target = f"{place}/{number}"
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
        _mount(f"/proc/self/fd/{descriptor}", target, None, _MS_BIND | _MS_REC)
        os.close(descriptor)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    encoded = [None if text is None else text.encode() for text in (source, target, kind, data)]
    import ctypes

    _call("mount", encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])


def become(uid: int) -> None:
    """Give up root for the user and group ``uid``, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def children(pid: int) -> list[int]:
    """The living children of a process."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid: int) -> list[int]:
    """Children, their children and so on, nearest first."""
    found: list[int] = children(pid)
    for child in found:  # grows while it is walked
        found.extend(children(child))
    return found
