"""BatchPutMetrics: up to ten points for a trial component, each stored or refused by itself.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_metrics_BatchPutMetrics.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.core import Json
from sagewright.nouns.operations import Call, operation
from sagewright.services.sagemaker_metrics._components import component_arn, job_in_other_case, owners_of
from sagewright.store.run_metrics import Batch, Collision, NoOwner, RunPoint

PAST, FUTURE = 14 * 86_400, 2 * 3600
"""Seconds before and after now between which a timestamp is valid; SDK v2 refuses others by itself."""
INVALID, LIMIT, CONFLICT = "VALIDATION_ERROR", "METRIC_LIMIT_EXCEEDED", "CONFLICT_ERROR"
"""INTERNAL_ERROR is never among the answers: where nothing can be stored the call fails, and SDKs try it again."""


@operation("sagemaker-metrics", "BatchPutMetrics")
def batch_put_metrics(call: Call, request: Json) -> Json:
    """Store the valid points; the answer names the others by position.

    Points of a trial component that does not exist are all invalid: the model has no error for the whole call.
    """
    now = call.platform.clock.now()
    errors: dict[int, str] = {}
    points: dict[int, RunPoint] = {}
    for index, datum in enumerate(request["MetricData"]):
        point = _point(datum)
        if point.storable and now - PAST <= point.at <= now + FUTURE:
            points[index] = point
        else:
            errors[index] = INVALID
    if points:
        errors |= _stored(call, request["TrialComponentName"], points)
    if not errors:
        return {}
    return {"Errors": [{"Code": code, "MetricIndex": index} for index, code in sorted(errors.items())]}


def _point(datum: Mapping[str, Any]) -> RunPoint:
    return RunPoint(datum["MetricName"], datum["Timestamp"], datum["Value"], datum.get("Step"))


def _stored(call: Call, name: str, points: Mapping[int, RunPoint]) -> dict[int, str]:
    """The errors, by index, of those that could not be stored."""
    store, indexes = call.platform.run_metrics, list(points)
    # botocore gives all attempts of a call one id, so what is sent again after a lost answer counts once.
    attempt = call.http.headers.get("amz-sdk-invocation-id", "")
    batch = Batch(component_arn(call, name), owners_of(call, name), list(points.values()), attempt)
    try:
        try:
            refused = store.put(batch)
        except NoOwner:
            job = job_in_other_case(call, name)
            if job is None:
                return dict.fromkeys(indexes, INVALID)
            refused = store.put(Batch(batch.arn, (job,), batch.points, attempt))
    except NoOwner:
        return dict.fromkeys(indexes, INVALID)
    except Collision:
        return dict.fromkeys(indexes, CONFLICT)
    return {indexes[position]: LIMIT for position in refused}
