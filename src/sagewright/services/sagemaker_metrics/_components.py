"""Whose metrics a request means: a trial component, by name or ARN, or the one that a job has by itself."""

from __future__ import annotations

from collections.abc import Mapping

from sagewright.core.arns import Arn
from sagewright.nouns.operations import Call
from sagewright.store.resources import Query

COMPONENT = "experiment-trial-component"
JOBS: Mapping[str, tuple[str, str]] = {
    "training-job": ("TrainingJob", "-aws-training-job"),
    "processing-job": ("ProcessingJob", "-aws-processing-job"),
    "transform-job": ("TransformJob", "-aws-transform-job"),
}
"""The kinds of jobs by what stands in their ARNs, and how the names of their own trial components end."""
_LIKE_NAMED = 1000
"""Jobs looked at to find one whose name differs in case alone."""


def component_arn(call: Call, name: str) -> str:
    """The ARN of a trial component of the caller's account and region."""
    return str(Arn("sagemaker", call.region, call.account, f"{COMPONENT}/{name}"))


def owners_of(call: Call, name: str) -> tuple[str, ...]:
    """The ARNs of what may have metrics by that name: the trial component, and the job whose own it is."""
    found = [component_arn(call, name)]
    for path, (_, ending) in JOBS.items():
        if name.endswith(ending) and name != ending:
            found.append(str(Arn("sagemaker", call.region, call.account, f"{path}/{name.removesuffix(ending)}")))
    return tuple(found)


def job_in_other_case(call: Call, name: str) -> str | None:
    """The ARN of the job whose own trial component has that name: jobs' names may have capitals, components' none."""
    for kind, ending in JOBS.values():
        stem = name.removesuffix(ending)
        if stem in (name, ""):
            continue
        query = Query(name_contains=stem, specs=False, limit=_LIKE_NAMED)
        for job in call.platform.resources.list(call.account, call.region, kind, query):
            if job.name.lower() == stem:
                return job.arn
    return None


def metrics_arn(arn: str) -> str | None:
    """The ARN under which the metrics of a trial component or a job are kept; None for what has none."""
    found = Arn.parse(arn)
    path, _, name = found.resource.partition("/")
    if path == COMPONENT:
        return arn
    if path in JOBS:
        return str(found._replace(resource=f"{COMPONENT}/{name.lower()}{JOBS[path][1]}"))
    return None
