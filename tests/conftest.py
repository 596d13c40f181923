"""One real server for a session of tests, spoken to as users speak to it."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import settings
from tests.kit.answers import hold_to_the_model
from tests.kit.eventually import eventually

from sagewright.testing.postgres import PostgresServer
from sagewright.testing.server import ServerProcess

# How long an example takes says how busy the machine is, not whether the code is right. Continuous integration draws
# the same examples each time: what it finds must be the change's doing. New ones are drawn wherever else tests run.
settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("house")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """``sagewright up --ephemeral`` on a free port. Ends cleanly and leaves no process, or the session fails."""
    running = ServerProcess(tmp_path_factory.mktemp("server") / "data")
    running.start()
    yield running
    code = running.stop()
    assert code == 0, f"the server ended with {code}\n{running.log_tail()}"
    eventually(lambda: not running.leftovers(), what=lambda: f"left running: {running.leftovers()}", seconds=10)


@pytest.fixture(scope="session")
def client(server: ServerProcess) -> Callable[..., Any]:
    """``client("sagemaker")`` is a boto3 client of the server, with the administrator's keys."""

    def make(service: str, region: str = "us-east-1", **options: Any) -> Any:
        config = Config(retries={"total_max_attempts": 1}, proxies={}).merge(options.pop("config", Config()))
        made = boto3.client(service, config=config, **{**server.client_options(region), **options})  # type: ignore[call-overload]
        return hold_to_the_model(made)

    return make


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server."""
    with tempfile.TemporaryDirectory(prefix="pg-") as directory, PostgresServer(Path(directory)) as running:
        yield running


@pytest.fixture
def fresh(server: ServerProcess) -> ServerProcess:
    """The server, wiped."""
    server.reset()
    return server


_seconds: Counter[str] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add a test's time, with that of its fixtures, to its folder's."""
    _seconds["/".join(report.nodeid.partition("::")[0].split("/")[:3][:-1]) or "."] += report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the time goes, so that what made a run longer is seen in its output."""
    if len(_seconds) > 1:
        terminalreporter.section("seconds by folder")
        for folder, seconds in _seconds.most_common():
            terminalreporter.line(f"{seconds:8.1f}  {folder}")
