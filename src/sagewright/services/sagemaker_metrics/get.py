"""BatchGetMetrics: curves of trial components' metrics, one for each query.

Times, on the x-axis as well as in ``Start`` and ``End``, are seconds since the epoch; ``End`` is not included. A point
without a step is on no curve over steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.core import Json
from sagewright.core.arns import Arn
from sagewright.nouns.operations import Call, operation
from sagewright.services.sagemaker_metrics._components import metrics_arn
from sagewright.store.run_metrics import Curve, Statistic

MOST_VALUES = 10_000
"""Values that a query is answered with; a longer curve is Truncated, and goes on from the last of its times."""
LATEST = 253_402_300_800
"""The year 10000: a later time is none, but may be milliseconds."""
PERIODS = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600, "IterationNumber": 0}
STATISTICS: Mapping[str, Statistic] = {
    "Min": "minimum",
    "Max": "maximum",
    "Avg": "mean",
    "Count": "points",
    "StdDev": "deviation",
    "Last": "last",
}


@operation("sagemaker-metrics", "BatchGetMetrics")
def batch_get_metrics(call: Call, request: Json) -> Json:
    """Each query is answered by itself: one that makes no sense has the status ValidationError, and says why.

    Raises AccessDenied when the caller may not read one of the resources.
    """
    queries = request["MetricQueries"]
    for arn in dict.fromkeys(query["ResourceArn"] for query in queries):
        call.platform.access.demand(call, "sagemaker:BatchGetMetrics", arn)
    return {"MetricQueryResults": [_answer(call, query) for query in queries]}


def _answer(call: Call, query: Mapping[str, Any]) -> Json:
    arn = metrics_arn(query["ResourceArn"])
    if wrong := _wrong(call, query, arn):
        return {"Status": "ValidationError", "Message": wrong, "XAxisValues": [], "MetricValues": []}
    curve = Curve(
        arn=arn or "",
        name=query["MetricName"],
        statistic=STATISTICS[query["MetricStat"]],
        period=PERIODS[query["Period"]],
        by_step=query["XAxisType"] == "IterationNumber",
        start=query.get("Start"),
        end=query.get("End"),
    )
    values = call.platform.run_metrics.curve(curve, MOST_VALUES + 1)
    shown = values[:MOST_VALUES]
    answer: Json = {
        "Status": "Complete",
        "XAxisValues": [position for position, _ in shown],
        "MetricValues": [value for _, value in shown],
    }
    if len(values) > MOST_VALUES:
        answer |= {"Status": "Truncated", "Message": f"These are the first {MOST_VALUES} values; there are more."}
    return answer


def _wrong(call: Call, query: Mapping[str, Any], arn: str | None) -> str | None:
    """What makes a query senseless, in words; None for a good one."""
    resource = query["ResourceArn"]
    if arn is None:
        return f"{resource} is neither a trial component nor a training, processing or transform job."
    if Arn.parse(resource).region != call.region:
        return f"{resource} is not a resource of {call.region}."
    if query["XAxisType"] == "IterationNumber" and query["Period"] != "IterationNumber":
        return "The Period of values over IterationNumber must be IterationNumber."
    start, end = query.get("Start", 0), query.get("End", LATEST)
    if not 0 <= start < end <= LATEST:
        return "Start must be less than End, and both must be seconds since the epoch."
    if not call.platform.run_metrics.summaries([arn])[arn] and call.platform.resources.by_arn(resource) is None:
        return f"{resource} does not exist."
    return None
