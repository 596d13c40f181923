"""Trial components, for the tests of their metrics."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from sagewright.core.clock import SystemClock
from sagewright.store.database import Database
from sagewright.store.resources import ResourceStore

Client = Callable[..., Any]
ARN = "arn:aws:sagemaker:us-east-1:123456789012"


def new_component(database_url: str, kind: str = "TrialComponent", name: str = "", path: str = "") -> str:
    """The name of a new resource, written into a running server's database."""
    name = name or f"run-{uuid.uuid4().hex}"
    database = Database(database_url)
    ResourceStore(database, SystemClock()).create(
        account="123456789012",
        region="us-east-1",
        kind=kind,
        name=name,
        arn=f"{ARN}:{path or 'experiment-trial-component'}/{name}",
        spec={},
        status={},
    )
    database.close()
    return name


class Run:
    """A trial component, and the metrics service."""

    def __init__(self, client: Client, name: str) -> None:
        self.metrics = client("sagemaker-metrics")
        self.name = name
        self.arn = f"{ARN}:experiment-trial-component/{name}"
        self.begin = int(time.time()) // 3600 * 3600 - 3600

    def datum(self, value: Any, step: int | None = None, *, at: float = 0, name: str = "loss") -> dict[str, Any]:
        """One value, ``at`` seconds after the run's begin, which is on the hour."""
        datum = {"MetricName": name, "Timestamp": self.begin + at, "Value": value}
        return datum if step is None else datum | {"Step": step}

    def put(self, *data: dict[str, Any]) -> dict[int, str]:
        """The codes of the errors by index."""
        answer = self.metrics.batch_put_metrics(TrialComponentName=self.name, MetricData=list(data))
        return {error["MetricIndex"]: error["Code"] for error in answer.get("Errors", [])}

    def query(self, statistic: str = "Last", period: str = "IterationNumber", **members: Any) -> dict[str, Any]:
        """A query of ``loss``."""
        axis = "IterationNumber" if period == "IterationNumber" else "Timestamp"
        base = {"MetricName": "loss", "ResourceArn": self.arn, "MetricStat": statistic, "Period": period}
        return base | {"XAxisType": axis} | members

    def get(self, *queries: dict[str, Any]) -> Sequence[Any]:
        answer = self.metrics.batch_get_metrics(MetricQueries=list(queries))
        results: Sequence[Any] = answer["MetricQueryResults"]
        return results

    def curve(self, *arguments: Any, **members: Any) -> list[tuple[int, float]]:
        (result,) = self.get(self.query(*arguments, **members))
        assert result["Status"] == "Complete", result
        return list(zip(result["XAxisValues"], result["MetricValues"], strict=True))
