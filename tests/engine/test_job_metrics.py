"""Values that agents found become metrics: all of them, once, and in portions."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sagewright.core.clock import SystemClock
from sagewright.engine import job_metrics
from sagewright.engine.job_metrics import ingest
from sagewright.store.database import Database
from sagewright.store.metrics import Key, MetricStore, Span
from sagewright.store.schema import metadata


class Files:
    """Where a backend of this machine keeps an instance's files."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def instance_directory(self, _handle: Any, host: str) -> Path:
        return self.place / host


def write(place: Path, host: str, entries: list[dict[str, Any]]) -> None:
    (place / host).mkdir()
    (place / host / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def test_values_are_taken_over_in_portions_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_metrics, "LINES_AT_ONCE", 7)
    database = Database(f"sqlite:///{tmp_path / 'db'}")
    metadata.create_all(database.engine)
    store = MetricStore(database, SystemClock())
    at = 1_000_000_000.0
    statistic = {"samples": 100, "total": 200.0, "minimum": 1.0, "maximum": 3.0}
    write(tmp_path, "algo-1", [{"name": "loss", "value": float(number), "at": at} for number in range(10)])
    write(tmp_path, "algo-2", [{"name": "loss", "value": 2.0, "at": at, **statistic}])
    tools: Any = SimpleNamespace(backend=Files(tmp_path), metrics=store)
    resource: Any = SimpleNamespace(
        id="i", name="job", account="1", region="r", status={}, run={"handle": {"hosts": ["algo-1", "algo-2"]}}
    )
    mores = []
    for _ in range(3):
        ingested = ingest(tools, resource, "ns")
        assert ingest(tools, resource, "ns") == ingested  # by a server that was killed before it wrote
        mores.append(ingested.more)
        resource.status |= ingested.status
        resource.run |= ingested.run
    assert mores == [True, False, False]
    assert resource.status["FinalMetricDataList"] == [{"MetricName": "loss", "Value": 2.0, "Timestamp": at}]
    job = ("TrainingJobName", "job")
    for dimensions, samples, total in (
        ((job,), 110, 245.0),
        ((("Host", "job/algo-1"), job), 10, 45.0),
        ((("Host", "job/algo-2"), job), 100, 200.0),
    ):
        (bucket,) = store.buckets(Key("1", "r", "ns", "loss", dimensions), Span(at - 60, at + 60, 120))
        assert (bucket.samples, bucket.total) == (samples, total)
    database.close()
