"""A real server in a process of its own, for test suites, demos and benchmarks.

with ServerProcess(tmp_path) as server:
    sagemaker = boto3.client("sagemaker", **server.client_options())
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

MARK = "SAGEWRIGHT_SERVER_PROCESS"
"""Set in the server's environment, so that processes that outlive it can be found."""


class ServerProcess:
    """``sagewright up`` on a free loopback port, keeping everything under ``data_dir``.

    ``wrapper`` is the beginning of a command line that the server is run by, ``program`` the ``sagewright`` to run
    instead of this installation's own.
    ``start`` returns once the server says it is ready; ``stop`` drains it. Standard error goes to ``log``.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        ephemeral: bool = True,
        env: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
        wrapper: tuple[str, ...] = (),
        program: str = "",
    ) -> None:
        self.data_dir = data_dir
        self.log = data_dir.with_name(data_dir.name + ".log")
        self.url = ""
        self._wrapper = wrapper
        self._program = program or sagewright()
        self._arguments = ("--ephemeral", *arguments) if ephemeral else arguments
        self._mark = f"{os.getpid()}-{data_dir}"
        self.env = {**os.environ, **(env or {}), MARK: self._mark}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, deadline: float = 60.0) -> None:
        """Start and wait for the line ``ready URL``; raises ``RuntimeError`` with the log when none comes in time."""
        command = [
            *self._wrapper,
            self._program,
            "up",
            "--port",
            "0",
            "--data-dir",
            str(self.data_dir),
            *self._arguments,
        ]
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=self.env)
        try:
            line = self._first_line(deadline)
        except BaseException:
            self.kill()
            raise
        if not line.startswith("ready http"):
            self.kill()
            raise RuntimeError(f"the server did not start: {line!r}\n{self.log_tail()}")
        self.url = line.split()[1]

    def _first_line(self, deadline: float) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        received, end = b"", time.monotonic() + deadline
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in received and (seconds_left := end - time.monotonic()) > 0:
                if selector.select(seconds_left):
                    chunk = os.read(self._process.stdout.fileno(), 4096)
                    if not chunk:
                        break
                    received += chunk
        return received.decode(errors="replace").strip()

    @property
    def pid(self) -> int:
        """The server's process id; raises ``RuntimeError`` when it was never started."""
        if self._process is None:
            raise RuntimeError("the server is not started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self, deadline: float = 60.0) -> int:
        """Ask it to drain and end (SIGTERM) and return its exit code; after ``deadline`` seconds it is killed."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.returncode

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def reset(self) -> None:
        """Wipe all state; needs ``ephemeral``."""
        address = urlsplit(self.url).netloc
        connection = (
            HTTPSConnection(address, timeout=30, context=ssl.create_default_context(cafile=self.authority))
            if self.authority
            else HTTPConnection(address, timeout=30)
        )
        with contextlib.closing(connection):
            connection.request("POST", "/_sagewright/reset")
            if (status := connection.getresponse().status) >= 300:
                raise RuntimeError(f"the reset answered {status}")

    @property
    def authority(self) -> str:
        """The file with what clients must trust; empty when the server speaks plain HTTP."""
        return str(self.data_dir / "tls" / "trust.pem") if self.url.startswith("https:") else ""

    def credentials(self) -> dict[str, str]:
        """The administrator's ``access_key_id`` and ``secret_access_key``."""
        keys: dict[str, str] = json.loads((self.data_dir / "credentials.json").read_text())
        return keys

    def client_options(self, region: str = "us-east-1") -> dict[str, str]:
        """Arguments for ``boto3.client``."""
        keys = self.credentials()
        verify = {"verify": self.authority} if self.authority else {}
        return verify | {
            "endpoint_url": self.url,
            "region_name": region,
            "aws_access_key_id": keys["access_key_id"],
            "aws_secret_access_key": keys["secret_access_key"],
        }

    def shell_env(self) -> dict[str, str]:
        """The environment of a shell after ``eval "$(sagewright env)"``."""
        script = 'eval "$("$@")" && exec env -0'
        command = [self._program, "env", "--data-dir", str(self.data_dir)]
        shell = subprocess.run(["bash", "-ec", script, "-", *command], capture_output=True, check=True, timeout=60)
        pairs = (entry.partition("=") for entry in shell.stdout.decode().split("\0") if entry)
        return {name: value for name, _, value in pairs}

    def log_tail(self, characters: int = 4000) -> str:
        """The end of what the server wrote to standard error."""
        return self.log.read_text(errors="replace")[-characters:]

    def leftovers(self) -> list[str]:
        """Command lines of processes this server started that still run: none, once it has ended."""
        return [command for pid, command in _marked(f"{MARK}={self._mark}") if self._process is None or pid != self.pid]


def sagewright() -> str:
    """The path of this installation's ``sagewright`` program."""
    return str(Path(sys.executable).with_name("sagewright"))


def _marked(mark: str) -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
