"""The plain backend keeps what it can without isolation."""

from pathlib import Path

from sagewright.backends.base import Backend
from sagewright.backends.plain import PlainBackend
from sagewright.testing.backends import BackendCase


class TestPlainBackend(BackendCase):
    isolated = False
    hosts_talk = False

    def make(self, root: Path, hint_socket: Path) -> Backend:
        return PlainBackend(root, hint_socket)
