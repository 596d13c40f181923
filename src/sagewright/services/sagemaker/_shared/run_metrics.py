"""What the metrics of a trial component come to, as its Describe and Search show it."""

from __future__ import annotations

from collections.abc import Sequence

from sagewright.core import Json
from sagewright.nouns.operations import Platform
from sagewright.store.run_metrics import Summary

_MOST_COUNTED = (1 << 31) - 1
"""``Count`` is an integer of 32 bits."""


def metrics_of(platform: Platform, arns: Sequence[str]) -> dict[str, list[Json]]:
    """``Metrics`` of trial components by ARN, in order of their names; one query for all of them.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrialComponentMetricSummary.html
    """
    found = platform.run_metrics.summaries(arns)
    return {arn: [_document(summary, arn) for summary in summaries] for arn, summaries in found.items()}


def _document(summary: Summary, source: str) -> Json:
    return {
        "MetricName": summary.name,
        "SourceArn": source,
        "TimeStamp": summary.last_at,
        "Max": summary.maximum,
        "Min": summary.minimum,
        "Last": summary.last,
        "Count": min(summary.points, _MOST_COUNTED),
        "Avg": summary.mean,
        "StdDev": summary.deviation,
    }
