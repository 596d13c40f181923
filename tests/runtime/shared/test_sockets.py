"""The server reaches a model server's socket at any path, and nothing that was put in its place."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sagewright_runtime.shared import sockets


def test_a_path_longer_than_an_address_can_hold(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    path = folder / "serve.sock"
    with sockets.listen(path) as listener, sockets.connect(path, timeout=5) as client:
        server = listener.accept()[0]
        with server:
            client.sendall(b"hello")
            assert server.recv(5) == b"hello"


def test_a_link_to_another_socket_is_not_followed(tmp_path: Path) -> None:
    with sockets.listen(tmp_path / "secret.sock"):
        (tmp_path / "serve.sock").symlink_to(tmp_path / "secret.sock")
        with pytest.raises(OSError, match="is not a socket"):
            sockets.connect(tmp_path / "serve.sock")


def test_a_file_in_its_place_is_refused_and_no_descriptor_leaks(tmp_path: Path) -> None:
    (tmp_path / "serve.sock").write_text("")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with pytest.raises(FileNotFoundError):
            sockets.connect(tmp_path / "serve.sock")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_socket_left_by_a_dead_server_refuses_and_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "serve.sock"
    sockets.listen(path).close()
    with pytest.raises(ConnectionRefusedError):
        sockets.connect(path)
    with sockets.listen(path), sockets.connect(path, timeout=5) as client:
        assert client.family == socket.AF_UNIX
