"""Writes what the router counted as the CloudWatch metrics of endpoints, every few seconds.

https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html, "Invocation metrics".
"""

from __future__ import annotations

from sagewright.core.clock import Clock
from sagewright.serving.metrics import Statistic, VariantMetrics
from sagewright.serving.router import Router
from sagewright.store.metrics import MetricStore, Point

NAMESPACE = "AWS/SageMaker"
SECONDS = 10.0


class InvocationMetrics:
    """Drains the router's counts into the metric store."""

    def __init__(self, router: Router, metrics: MetricStore, clock: Clock) -> None:
        self._router = router
        self._metrics = metrics
        self._clock = clock

    def write(self) -> None:
        """Write the counts since the last time."""
        for counted in self._router.drain_metrics():
            self._metrics.put(counted.account, counted.region, NAMESPACE, _points(counted, self._clock.now()))


def _points(counted: VariantMetrics, at: float) -> list[Point]:
    dimensions = (("EndpointName", counted.endpoint), ("VariantName", counted.variant))
    counts = {
        "Invocations": (1.0, counted.invocations),
        "Invocation4XXErrors": (0.0, counted.errors_4xx),
        "Invocation5XXErrors": (0.0, counted.errors_5xx),
        "InvocationModelErrors": (0.0, counted.model_errors),
    }
    points = [
        Point(name, at, float(total), least, 1.0 if total else 0.0, counted.invocations, dimensions)
        for name, (least, total) in counts.items()
    ]
    latencies = {"ModelLatency": counted.model_latency, "OverheadLatency": counted.overhead_latency}
    return points + [_latency(name, at, each, dimensions) for name, each in latencies.items() if each.count]


def _latency(name: str, at: float, statistic: Statistic, dimensions: tuple[tuple[str, str], ...]) -> Point:
    return Point(
        name,
        at,
        statistic.total,
        statistic.minimum,
        statistic.maximum,
        statistic.count,
        dimensions,
        unit="Microseconds",
    )
