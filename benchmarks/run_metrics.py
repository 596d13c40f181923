"""BatchPutMetrics against MLflow's REST server: points a second, over HTTP on both sides, in turns."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from benchmarks.tools import ROOT, Headers, answers, client, free_port, keys_of, sagewright_server, span, table, until
from sagewright.core.clock import SystemClock
from sagewright.store import migrate
from sagewright.store.database import Database, sqlite_url
from sagewright.store.resources import ResourceStore
from sagewright.store.run_metrics import Batch, Curve, RunMetricStore, RunPoint
from sagewright.testing.server import ServerProcess

MLFLOW = ROOT / ".clients" / "mlflow" / "bin" / "mlflow"
TURNS, SECONDS, BATCH, LARGE = 5, 3.0, 10, 1000
MANY = 1_000_000
ARN = "arn:aws:sagemaker:us-east-1:123456789012:experiment-trial-component"
Send = Callable[[HTTPConnection], None]

TEXT = """\
## Metrics of runs, against MLflow's server

Points of metrics a second, over HTTP: ours by BatchPutMetrics, ten in a call, which is as many as AWS allows and SDK v2
sends; MLflow's (`mlflow server` as it comes, with SQLite) by `log-batch`, ten in a call as well, and 1000 in a call,
which is as many as it allows. Ours verifies a signature with each call, and sums up each metric. One connection, and
eight at once; requests are made and signed beforehand, the client only moves the bytes.
"""


def run() -> str:
    rows: list[list[str]] = []
    with sagewright_server() as server, _mlflow() as url:
        ours, theirs = _Ours(server), _Theirs(url)
        for connections in (1, 8):
            speeds: dict[str, list[float]] = {"ours": [], "mlflow": [], "large": []}
            for _ in range(TURNS):
                speeds["ours"].append(_speed(server.url, ours.requests, BATCH, connections))
                speeds["mlflow"].append(_speed(url, theirs.requests(BATCH), BATCH, connections))
                speeds["large"].append(_speed(url, theirs.requests(LARGE), LARGE, connections))
            ratio = [a / b for a, b in zip(speeds["ours"], speeds["mlflow"], strict=True)]
            large = [a / b for a, b in zip(speeds["ours"], speeds["large"], strict=True)]
            rows.append(
                [str(connections), *(span(each) for each in speeds.values()), span(ratio, ".1f"), span(large, ".2f")]
            )
        ours.check()
    header = ["connections", "ours, points/s", "MLflow, 10 a call", "MLflow, 1000 a call", "ratio", "ratio to 1000"]
    return f"{TEXT}\n{table(header, rows)}\n{_large()}"


Requests = Callable[[int, int], Sequence[tuple[str, str, bytes, Headers]]]


class _Ours:
    """Signed calls of BatchPutMetrics for one trial component."""

    def __init__(self, server: ServerProcess) -> None:
        self._server, self._keys, self._sent = server, keys_of(server), 0
        database = Database(sqlite_url(server.data_dir))
        _component(database, "bench")
        database.close()

    def requests(self, worker: int, count: int) -> Sequence[tuple[str, str, bytes, Headers]]:
        made = []
        for number in range(count):
            data = [
                {"MetricName": f"metric-{n}", "Timestamp": int(time.time()), "Value": number * 0.5, "Step": number}
                for n in range(BATCH)
            ]
            body = json.dumps({"TrialComponentName": "bench", "MetricData": data}).encode()
            headers = {"content-type": "application/json", "amz-sdk-invocation-id": f"{worker}-{time.time_ns()}"}
            request = AWSRequest("PUT", f"{self._server.url}/BatchPutMetrics", data=body, headers=headers)
            SigV4Auth(self._keys, "sagemaker", "us-east-1").add_auth(request)
            made.append(("PUT", "/BatchPutMetrics", body, dict(request.prepare().headers.items())))
        return made

    def check(self) -> None:
        """Everything that was answered is there."""
        query = {"MetricName": "metric-0", "ResourceArn": f"{ARN}/bench", "MetricStat": "Count"}
        query |= {"Period": "OneHour", "XAxisType": "Timestamp"}
        answer = client("sagemaker-metrics", self._server).batch_get_metrics(MetricQueries=[query])
        stored = sum(answer["MetricQueryResults"][0]["MetricValues"])
        if stored < sum(_answered):
            raise RuntimeError(f"{stored} points of {sum(_answered)} calls")


class _Theirs:
    """Calls of log-batch for one run."""

    def __init__(self, url: str) -> None:
        self._id = _json(url, "experiments/create", {"name": "bench"})["experiment_id"]
        self._run = _json(url, "runs/create", {"experiment_id": self._id})["run"]["info"]["run_id"]
        self._step = 0

    def requests(self, batch: int) -> Requests:
        def make(worker: int, count: int) -> Sequence[tuple[str, str, bytes, Headers]]:
            made = []
            for _ in range(max(1, count * BATCH // batch)):
                self._step += 1
                metrics = [
                    {
                        "key": f"metric-{worker}-{n % BATCH}",
                        "value": self._step * 0.5,
                        "timestamp": time.time_ns() // 1_000_000,
                        "step": self._step * LARGE + n,
                    }
                    for n in range(batch)
                ]
                body = json.dumps({"run_id": self._run, "metrics": metrics}).encode()
                made.append(("POST", "/api/2.0/mlflow/runs/log-batch", body, {"content-type": "application/json"}))
            return made

        return make


_answered: list[int] = []


def _speed(url: str, requests: Requests, batch: int, connections: int) -> float:
    """Points a second that were answered with 200. Each connection sends what it has made until the time is up."""
    prepared = [requests(worker, int(SECONDS * 1500 / connections)) for worker in range(connections)]
    counts = [0] * connections
    barrier = threading.Barrier(connections + 1)

    def send(worker: int) -> None:
        address = urlsplit(url)
        with contextlib.closing(HTTPConnection(address.hostname or "", address.port, timeout=60)) as connection:
            connection.connect()
            barrier.wait()
            end = time.perf_counter() + SECONDS
            for method, path, body, headers in prepared[worker]:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                answer = response.read()
                if response.status != 200 or b"Errors" in answer:
                    raise RuntimeError(f"{response.status}: {answer[:400]!r}")
                counts[worker] += 1
                if time.perf_counter() > end:
                    break

    threads = [threading.Thread(target=send, args=(worker,)) for worker in range(connections)]
    for thread in threads:
        thread.start()
    barrier.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if not all(counts):
        raise RuntimeError(f"a connection failed: {counts}")
    if requests.__qualname__.startswith("_Ours"):
        _answered.append(sum(counts))
    return sum(counts) * batch / seconds


@contextlib.contextmanager
def _mlflow() -> Iterator[str]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="sagewright-bench-") as folder:
        command: list[str | Path] = [MLFLOW, "server", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
        try:
            until(lambda: answers(port, "/health"), seconds=120)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def _json(url: str, path: str, document: object) -> dict[str, dict[str, dict[str, str]]]:
    address = urlsplit(url)
    with contextlib.closing(HTTPConnection(address.hostname or "", address.port, timeout=60)) as connection:
        connection.request(
            "POST", f"/api/2.0/mlflow/{path}", json.dumps(document), {"content-type": "application/json"}
        )
        answer: dict[str, dict[str, dict[str, str]]] = json.loads(connection.getresponse().read())
        return answer


def _component(database: Database, name: str) -> str:
    arn = f"{ARN}/{name}"
    ResourceStore(database, SystemClock()).create(
        account="123456789012", region="us-east-1", kind="TrialComponent", name=name, arn=arn, spec={}
    )
    return arn


def _large() -> str:
    """What a summary and a curve cost of a metric with a million points."""
    with tempfile.TemporaryDirectory(prefix="sagewright-bench-") as folder:
        database = Database(f"sqlite:///{folder}/db")
        migrate.upgrade(database)
        store, arn, now = RunMetricStore(database, SystemClock()), _component(database, "large"), time.time()
        for first in range(0, MANY, 10_000):
            points = [RunPoint("loss", now + n / 1000, n * 0.5, n) for n in range(first, first + 10_000)]
            store.put(Batch(arn, (arn,), points))
        rows = [["summary", _milliseconds(lambda: store.summaries([arn]))]]
        rows += [
            ["put ten more", _milliseconds(lambda: store.put(Batch(arn, (arn,), points[:10])))],
            ["mean by minute", _milliseconds(lambda: store.curve(Curve(arn, "loss", "mean", period=60), 10_001))],
            ["last by step", _milliseconds(lambda: store.curve(Curve(arn, "loss", "last", by_step=True), 10_001))],
        ]
        database.close()
    return f"Of a metric with {MANY:,} points, in the store:\n\n{table(['', 'ms'], rows)}"


def _milliseconds(function: Callable[[], object]) -> str:
    turns = []
    for _ in range(TURNS):
        start = time.perf_counter()
        function()
        turns.append((time.perf_counter() - start) * 1000)
    return span(turns, ",.2f")
