"""Unix sockets at paths of any length, between a server and a process it does not trust."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path

_LONGEST = 107  # bytes of sun_path, less its NUL


def connect(path: Path, timeout: float | None = None) -> socket.socket:
    """A stream connected to the socket at ``path``; ``timeout`` in seconds, 0 for a non-blocking one.

    The socket file lies in a directory that the sandboxed process can write, so it is opened without following a link:
    a link put in its place would aim the server's own rights at any socket of this machine. Connecting through the
    descriptor also lifts the limit of 107 bytes on a path. Raises ``OSError`` when nobody listens there.
    """
    handle = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISSOCK(os.fstat(handle).st_mode):
            raise FileNotFoundError(f"{path} is not a socket")
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            stream.settimeout(timeout)
            stream.connect(f"/proc/self/fd/{handle}")
        except BaseException:
            stream.close()
            raise
        return stream
    finally:
        os.close(handle)


def listen(path: Path, backlog: int = 128) -> socket.socket:
    """A listening socket at ``path``, in place of what was there. Raises ``OSError``."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if len(os.fsencode(path)) <= _LONGEST:
            listener.bind(os.fspath(path))
        else:
            folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                listener.bind(f"/proc/self/fd/{folder}/{path.name}")
            finally:
                os.close(folder)
        listener.listen(backlog)
    except BaseException:
        listener.close()
        raise
    return listener
