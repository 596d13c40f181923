"""The job's one way out: a socket that listens in the job's network, and from which the server accepts.

A socket stays in the network it was made in, whoever holds it. So the agent makes it where the job is, keeps it, and
gives copies to servers that connect to ``door.sock`` in the instance's directory: what a job sends there, the server
reads itself. Nothing is relayed, nothing else of the machine can be reached through it, and while no server runs the
kernel keeps callers waiting for the next one.

In the job's own network the socket has the address at which containers on AWS find their credentials; where the job
shares the machine's network, a free port of the loopback.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress

from sagewright_runtime.shared import netlink, system
from sagewright_runtime.shared.door_address import ADDRESS, MARK, NAME, PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_LOOPBACK = "127.0.0.1"
_WAITING = 1024
_IP_FREEBIND = 15


class Door:
    """``asked`` is the agent's order: ``shared`` (the machine's network or the job's own) and ``env``."""

    def __init__(self, asked: Mapping[str, Any], directory: str) -> None:
        self._env: Mapping[str, str] = asked["env"]
        self._directory = directory
        self._listener: socket.socket | None = None
        self._servers: list[socket.socket] = []
        self.shared: bool = asked["shared"]
        self._counter = self._open_counter()
        self.descriptor = self._counter.fileno()
        """Readable when a server is there."""

    def variables(self) -> dict[str, str]:
        """The environment variables that lead there; in a shared network only once it is open."""
        place = f"{ADDRESS}:{PORT}"
        if self.shared:
            assert self._listener is not None
            place = f"{_LOOPBACK}:{self._listener.getsockname()[1]}"
        return {name: value.replace(MARK, place) for name, value in self._env.items()}

    def open(self, joins: Sequence[tuple[int, int]]) -> None:
        """Listen in the network that ``joins`` (descriptors and kinds of namespaces) lead to. Raises ``OSError``."""
        if self._listener is not None:
            self._listener.close()
        try:
            self._listener = self._listen(joins)
        except OSError as error:
            raise OSError(f"the way from the job to the server cannot be made: {error}") from error

    def open_beside(self, pid: int) -> None:
        """Listen in the network of process ``pid``. Raises ``OSError``."""
        kinds = [("net", system.CLONE_NEWNET)]
        if os.geteuid() != 0:
            kinds.insert(0, ("user", system.CLONE_NEWUSER))
        joins = [(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), kind) for name, kind in kinds]
        try:
            self.open(joins)
        finally:
            for descriptor, _ in joins:
                os.close(descriptor)

    def serve(self) -> None:
        """Give a copy to the server that is there. Its connection stays open: its end tells of the agent's."""
        assert self._listener is not None
        with suppress(OSError):  # it left already
            server, _ = self._counter.accept()
            self._servers = [*self._servers[-3:], server]
            socket.send_fds(server, [b"door"], [self._listener.fileno()])

    def _open_counter(self) -> socket.socket:
        counter = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        here = os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            counter.bind(f"/proc/self/fd/{here}/{NAME}")  # a socket's path has at most 107 bytes
        finally:
            os.close(here)
        counter.listen()
        return counter

    def _listen(self, joins: Sequence[tuple[int, int]]) -> socket.socket:
        if not joins:
            return socket.create_server((_LOOPBACK, 0), backlog=_WAITING)
        if os.geteuid() != 0:
            return _in_a_child(joins)
        own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            for descriptor, kind in joins:
                system.setns(descriptor, kind)
            return _on_the_address()
        finally:
            system.setns(own, system.CLONE_NEWNET)
            os.close(own)


def _on_the_address() -> socket.socket:
    """Several agents of one run listen on the same address of their network: each server hears them all."""
    netlink.add_address("lo", ADDRESS, 32)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)  # bubblewrap may not have switched lo on yet
    listener.bind((ADDRESS, PORT))
    listener.listen(_WAITING)
    return listener


def _in_a_child(joins: Sequence[tuple[int, int]]) -> socket.socket:
    """A user namespace cannot be left again, so a child enters it and hands the socket back."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        try:
            for descriptor, kind in joins:
                system.setns(descriptor, kind)
            listener = _on_the_address()
            socket.send_fds(theirs, [b"door"], [listener.fileno()])
        except BaseException as error:
            theirs.send(str(error).encode())
        os._exit(0)
    theirs.close()
    with ours:
        said, descriptors, _, _ = socket.recv_fds(ours, 4096, 1)
    os.waitpid(pid, 0)
    if not descriptors:
        raise OSError(said.decode() or "no answer")
    return socket.socket(fileno=descriptors[0])
