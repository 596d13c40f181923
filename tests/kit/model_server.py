"""Run the real ``serve`` program in a process of its own, and talk to it as the router does."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import sagewright_runtime
from sagewright_runtime.shared import frames, sockets

SERVE = Path(sagewright_runtime.__file__).parent / "bin" / "serve"
DEADLINE = 60.0
Reply = tuple[int, str, bytes]


class ModelServer:
    """A ``serve`` process over ``model_dir``, run by ``python``; ``env`` adds to its environment."""

    def __init__(self, model_dir: Path, python: Path | str = sys.executable, **env: str) -> None:
        self.run_dir = Path(tempfile.mkdtemp(prefix="run-"))
        self.socket = self.run_dir / "serve.sock"
        self.log = self.run_dir / "log"
        environ = {
            "PATH": os.environ["PATH"],
            "SM_MODEL_DIR": str(model_dir),
            "SAGEWRIGHT_RUN_DIR": str(self.run_dir),
            **env,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(python), str(SERVE)], env=environ, stdout=log, stderr=subprocess.STDOUT
            )
        self._client: socket.socket | None = None

    def __enter__(self) -> ModelServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._client is not None:
            self._client.close()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_ready(self) -> ModelServer:
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}:\n{self.output()}")
            try:
                sockets.connect(self.socket, timeout=5).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self
        raise AssertionError(f"not ready:\n{self.output()}")

    def wait_end(self) -> int:
        return self.process.wait(DEADLINE)

    def ask(self, body: bytes | str, content_type: str = "", accept: str = "", **headers: str) -> Reply:
        """(status, content type, body) of one invocation."""
        return self.ask_all([(body, content_type, accept)], headers)[0]

    def ask_all(
        self, requests: Sequence[tuple[bytes | str, str, str]], headers: Mapping[str, str] | None = None
    ) -> list[Reply]:
        """Several invocations, written at once, in the order of the requests."""
        if self._client is None:
            self.wait_ready()
            self._client = sockets.connect(self.socket, timeout=DEADLINE)
        outgoing = []
        for number, (body, content_type, accept) in enumerate(requests):
            given = {frames.CONTENT_TYPE: content_type, frames.ACCEPT: accept, **(headers or {})}
            head = frames.encode_headers({name.replace("_", "-"): value for name, value in given.items() if value})
            data = body.encode() if isinstance(body, str) else body
            outgoing.append(frames.encode(number, frames.INVOKE, head, data))
        self._client.sendall(b"".join(outgoing))
        splitter, replies = frames.Splitter(), {}
        while len(replies) < len(requests):
            data = self._client.recv(1 << 20)
            assert data, f"the server hung up:\n{self.output()}"
            for frame in splitter.feed(data):
                kind = frames.decode_headers(frame.head).get(frames.CONTENT_TYPE, "")
                replies[frame.id] = (frame.code, kind, frame.body)
        return [replies[number] for number in range(len(requests))]
