"""Hints: datagrams in which agents name the run that has news, so that the reconciler need not wait for its poll."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

IDENTIFIER = 32
"""A run's id begins with the id of its resource, 32 digits."""


class Hints:
    """Listens at ``path``; ``hint`` is called with the id of the resource, from a thread of its own."""

    def __init__(self, path: Path, hint: Callable[[str], None]) -> None:
        self.path = path
        self._hint = hint
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._listen, name="hints", daemon=True)

    def start(self) -> None:
        """Begin to listen. Raises ``OSError`` when the path is too long for a socket (107 bytes)."""
        self.path.unlink(missing_ok=True)
        self._socket.bind(str(self.path))
        self._thread.start()

    def stop(self) -> None:
        """End the thread and remove the socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b"", str(self.path))
        self._thread.join()
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def _listen(self) -> None:
        while datagram := self._socket.recv(4096):
            self._hint(datagram[:IDENTIFIER].decode(errors="replace"))
