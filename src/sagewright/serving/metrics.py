"""What the router counts for each variant, in CloudWatch's terms."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Statistic:
    """A CloudWatch statistic set of microseconds."""

    count: int = 0
    total: float = 0.0
    minimum: float = float("inf")
    maximum: float = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)


@dataclass(slots=True)
class VariantMetrics:
    """One variant's counts since the last drain.

    Names and meanings after "SageMaker AI endpoint invocation metrics": ``model_latency`` is the model server's answer
    as the router sees it, ``overhead_latency`` all else between the call's arrival here and its answer, both in
    microseconds. A model's own 4xx and 5xx are also ``model_errors``.
    """

    account: str
    region: str
    endpoint: str
    variant: str
    invocations: int = 0
    errors_4xx: int = 0
    errors_5xx: int = 0
    model_errors: int = 0
    model_latency: Statistic = field(default_factory=Statistic)
    overhead_latency: Statistic = field(default_factory=Statistic)

    def record(self, status: int, model_us: float | None, total_us: float) -> None:
        """Count one invocation that ended with ``status``, 0 where the model server gave none.

        ``model_us`` is None for an invocation that reached no model server.
        """
        self.invocations += 1
        if 200 <= status < 400:
            pass
        elif 400 <= status < 500:
            self.errors_4xx += 1
        else:
            self.errors_5xx += 1
        if model_us is None:
            return
        self.model_errors += not 200 <= status < 400
        self.model_latency.add(model_us)
        self.overhead_latency.add(max(0.0, total_us - model_us))
