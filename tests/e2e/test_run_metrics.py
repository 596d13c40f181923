"""Metrics of runs while servers are killed: what was acknowledged is there, and nothing counts twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.kit.eventually import eventually
from tests.kit.run_metrics import ARN, new_component
from tests.kit.servers import client

from sagewright.store.database import sqlite_url
from sagewright.testing.postgres import PostgresServer
from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow


class Writer(threading.Thread):
    """Logs the steps 0, 1, 2, … of a metric of its own, three a call, until a call fails or it is told to stop."""

    def __init__(self, server: ServerProcess, run: str, metric: str) -> None:
        super().__init__(daemon=True)
        self._metrics, self._run, self.metric = client(server, "sagemaker-metrics"), run, metric
        self.acknowledged = 0
        self.sent = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            steps = range(self.sent, self.sent + 3)
            data = [{"MetricName": self.metric, "Timestamp": int(time.time()), "Step": n, "Value": n} for n in steps]
            self.sent += 3
            try:
                answer = self._metrics.batch_put_metrics(TrialComponentName=self._run, MetricData=data)
            except (ClientError, BotoCoreError):
                return
            assert "Errors" not in answer, answer
            self.acknowledged += 3


@contextmanager
def writing(*writers: Writer) -> Iterator[None]:
    """Writers at work, each of which has had many calls acknowledged."""
    for writer in writers:
        writer.start()
    eventually(
        lambda: all(writer.acknowledged >= 60 for writer in writers),
        what=lambda: f"acknowledged: {[writer.acknowledged for writer in writers]}",
        seconds=60,
    )
    yield
    for writer in writers:
        writer.stopping.set()
        writer.join(30)


def check(metrics: Any, run: str, writer: Writer) -> None:
    """Every acknowledged step is there once; of the call in flight all is there or nothing."""
    query = {"MetricName": writer.metric, "ResourceArn": f"{ARN}:experiment-trial-component/{run}"}
    query |= {"Period": "IterationNumber", "XAxisType": "IterationNumber", "MetricStat": "Count"}
    (result,) = metrics.batch_get_metrics(MetricQueries=[query])["MetricQueryResults"]
    assert result["XAxisValues"] == list(range(len(result["XAxisValues"])))
    assert set(result["MetricValues"]) == {1.0}
    assert len(result["XAxisValues"]) in (writer.acknowledged, writer.sent)


def test_a_killed_server_has_all_it_acknowledged(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", ephemeral=False)
    server.start()
    run = new_component(sqlite_url(server.data_dir))
    for turn in range(3):
        writers = [Writer(server, run, f"metric-{turn}-{n}") for n in range(4)]
        with writing(*writers):
            server.kill()
        server.start()
        metrics = client(server, "sagemaker-metrics")
        for writer in writers:
            check(metrics, run, writer)
    server.stop()


def test_two_servers_write_one_run_and_one_is_killed(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.new_database()
    data, env = tmp_path / "data", {"SAGEWRIGHT_DATABASE_URL": url}
    one, two = (ServerProcess(data, ephemeral=False, env=env) for _ in range(2))
    one.start()
    two.start()
    run = new_component(url)
    shared = [Writer(server, run, "shared") for server in (one, two)]
    own = [Writer(server, run, f"metric-{n}") for n, server in enumerate((one, one, two, two))]
    with writing(*shared, *own):
        one.kill()
    metrics = client(two, "sagemaker-metrics")
    for writer in own:
        check(metrics, run, writer)
    query = {"MetricName": "shared", "ResourceArn": f"{ARN}:experiment-trial-component/{run}", "MetricStat": "Count"}
    query |= {"Period": "OneHour", "XAxisType": "Timestamp"}
    (result,) = metrics.batch_get_metrics(MetricQueries=[query])["MetricQueryResults"]
    counted = sum(result["MetricValues"])
    assert sum(each.acknowledged for each in shared) <= counted <= sum(each.sent for each in shared)
    two.stop()
