"""The program in an installer's sandbox."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from sagewright.environments import relay_inside

ASK = """
import os, socket, sys, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
with socket.create_connection((proxy.hostname, proxy.port)) as client:
    client.sendall(b"hello")
    client.shutdown(socket.SHUT_WR)
    print(client.recv(100).decode())
sys.exit(7)
"""


def test_a_command_finds_a_proxy_that_the_socket_answers(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()

    def answer() -> None:
        client, _ = listener.accept()
        with client:
            client.sendall(client.recv(100).upper())

    threading.Thread(target=answer, daemon=True).start()
    program = [sys.executable, "-I", "-S", relay_inside.__file__, str(tmp_path / "s"), sys.executable, "-c", ASK]
    done = subprocess.run(program, env=os.environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (7, "HELLO\n"), done.stderr
    listener.close()
