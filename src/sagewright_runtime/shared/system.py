"""Linux calls that Python 3.11 does not wrap."""

from __future__ import annotations

import errno
import os
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
_NAMESPACES = {
    "user": CLONE_NEWUSER, "mnt": CLONE_NEWNS, "pid": 0x20000000, "net": CLONE_NEWNET, "ipc": 0x08000000,
    "uts": 0x04000000, "cgroup": 0x02000000,
}  # fmt: skip
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 4, 15, 36
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, _BPF_INSTRUCTION_BYTES = 22, 2, 8
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 24, 38, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522


@cache
def _libc() -> ctypes.CDLL:
    import ctypes  # a start that needs no such call does not pay for it

    return ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: Any) -> None:
    import ctypes

    if getattr(_libc(), name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave the namespaces of ``flags`` for new ones."""
    _call("unshare", flags)


def setns(descriptor: int, kind: int) -> None:
    """Enter the namespace that ``descriptor`` names."""
    _call("setns", descriptor, kind)


def join(pid: int, elsewhere: frozenset[str] = frozenset()) -> None:
    """Enter all namespaces of process ``pid``; its pid namespace is for the children that are forked afterwards.

    Raises ``OSError`` unless each kind but those in ``elsewhere`` (and cgroup, which old kernels lack) is another than
    ours: a process that is to live in a sandbox must never stay beside one.
    """
    target = os.pidfd_open(pid)
    try:
        new = {kind for kind in _NAMESPACES if _differs(pid, kind)}
        if missing := _NAMESPACES.keys() - new - elsewhere - {"cgroup"}:
            raise OSError(f"process {pid} has no {', '.join(sorted(missing))} namespace of its own")
        setns(target, sum(_NAMESPACES[kind] for kind in new))
    finally:
        os.close(target)


def _differs(pid: int, kind: str) -> bool:
    own, other = os.stat(f"/proc/self/ns/{kind}"), os.stat(f"/proc/{pid}/ns/{kind}")
    return (own.st_dev, own.st_ino) != (other.st_dev, other.st_ino)


def give_up_privileges(program: bytes) -> None:
    """What bubblewrap does before it starts a program: no capability now or ever, and the filter ``program``."""
    import ctypes

    capability = 0
    while True:
        try:
            _call("prctl", _PR_CAPBSET_DROP, capability, 0, 0, 0)
        except OSError as error:
            if error.errno != errno.EINVAL or not capability:
                raise
            break  # past the last one this kernel knows
        capability += 1
    _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    _call("capset", (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)())
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    held = ctypes.create_string_buffer(program, len(program))

    class Filter(ctypes.Structure):
        _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

    loaded = Filter(len(program) // _BPF_INSTRUCTION_BYTES, ctypes.addressof(held))
    _call("prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(loaded), 0, 0)


def look_ordinary(name: str) -> None:
    """Undo what a change of user did to this process: its own ``/proc`` files are its own again, as after an exec."""
    _call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)
    _call("prctl", _PR_SET_NAME, name.encode(), 0, 0, 0)


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
