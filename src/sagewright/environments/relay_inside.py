"""The program in an installer's sandbox: it offers a proxy there, which the server answers, and runs a command.

    python relay_inside.py SOCKET COMMAND…

The sandbox has no network. What is sent to the proxy goes through the Unix socket SOCKET to the server, which decides
where it may go (``index_relay``). Standard library only: it runs in the interpreter that environments are made of.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading


def main(path: str, command: list[str]) -> int:
    """Run ``command`` with the proxy in its environment; its exit code."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, path), daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), url)
    return subprocess.run(command, env=os.environ | proxies, check=False).returncode


def _accept(listener: socket.socket, path: str) -> None:
    while True:
        client, _ = listener.accept()
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(path)
        except OSError:
            client.close()
            continue
        for source, target in ((client, far), (far, client)):
            threading.Thread(target=pump, args=(source, target), daemon=True).start()


def pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on what ``source`` sends until it sends no more."""
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
    except OSError:
        return
    finally:
        for end, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
            try:
                end.shutdown(how)
            except OSError:
                continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
