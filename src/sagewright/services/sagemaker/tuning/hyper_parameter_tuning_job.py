"""HyperParameterTuningJob: makes training jobs as a search asks for them, until it is complete.

The search is ``domain.tuning``: what to create and to stop is decided there, and carried out by ``engine.parents``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagewright.core import Json
from sagewright.core.errors import NotImplementedYet, ResourceInUse, ValidationException
from sagewright.domain.tuning import decision as search
from sagewright.domain.tuning.counters import Counters, best, count
from sagewright.domain.tuning.decision import TuningPhase
from sagewright.domain.tuning.document import read_plan
from sagewright.domain.tuning.job import Child, Phase, TuningJob
from sagewright.engine.lifecycle import RUN
from sagewright.engine.parents import Create, Decision, Observed, Order, ParentController, ParentKind, Stop
from sagewright.engine.role_objects import WorkRole
from sagewright.engine.tools import Tools
from sagewright.nouns.declaration import Noun, Refusal, require_unique
from sagewright.nouns.listing import PAGE, position_of, token_of
from sagewright.nouns.operations import Call, operation
from sagewright.nouns.shape import Shape
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker._shared.jobs import MISSING, WORDS, ended, require_image
from sagewright.services.sagemaker._shared.training_metrics import described_algorithm
from sagewright.services.sagemaker.tuning._children import (
    OBJECTIVE,
    children,
    definitions_of,
    request_for,
    resources_of,
    summary,
    tuning_job,
)
from sagewright.store.metrics import Key, Span
from sagewright.store.resources import Change, Query, Resource

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
LOOK_SECONDS = 10.0
"""How often running training jobs are looked at that may have to be stopped early."""

RETRIED = ("ThrottlingException", "ServiceUnavailable", "ResourceLimitExceeded")
"""Refusals of a training job that may be none the next time."""

ALL = Query(limit=1_000_000, descending=False)


def check(_call: Call, request: Json) -> None:
    """What a well-formed request may still have wrong: strategy, ranges, limits, objective, image."""
    plan = read_plan(request)
    for definition, document in zip(plan.definitions, definitions_of(request), strict=True):
        algorithm = document["AlgorithmSpecification"]
        if "TrainingImage" not in algorithm:
            raise NotImplementedYet("AlgorithmName does not work yet: give a TrainingImage.")
        require_image(algorithm["TrainingImage"])
        resources_of(document)
        metrics = [each["Name"] for each in algorithm.get("MetricDefinitions", ())]
        require_unique("metric", metrics)
        if metrics and definition.metric not in metrics:
            raise ValidationException(
                f"The objective metric {definition.metric} must be one of MetricDefinitions: {', '.join(metrics)}."
            )


def describe(call: Call, resource: Resource) -> Json:
    """Counters, the best training job and completion, as they are now."""
    job = tuning_job(resource)
    rows = call.platform.resources.children(resource.id, ALL)
    seen = children(job, rows)
    said = _counted(count(seen))
    found = best(job.plan, seen)
    if found is not None:
        row = next(each for each in rows if each.name == found.name)
        said["BestTrainingJob"] = summary(job, row, found)
    spent = [each.status.get("TrainingTimeInSeconds") or 0 for each in rows]
    said["ConsumedResources"] = {"RuntimeInSeconds": int(sum(spent))}
    return {**said, **_definitions(resource.spec, job)}


def _definitions(spec: Json, job: TuningJob) -> Json:
    """The definitions with what SDK v2's ``attach`` reads: the objective as a hyperparameter, resources, metrics."""
    told = [
        {
            **each,
            "StaticHyperParameters": {**each.get("StaticHyperParameters", {}), OBJECTIVE: plan.metric},
            "ResourceConfig": resources_of(each),
            "AlgorithmSpecification": described_algorithm(
                {**each, "HyperParameters": each.get("StaticHyperParameters", {})}
            ),
        }
        for each, plan in zip(definitions_of(spec), job.plan.definitions, strict=True)
    ]
    return {"TrainingJobDefinition": told[0]} if "TrainingJobDefinition" in spec else {"TrainingJobDefinitions": told}


def _counted(counters: Counters) -> Json:
    return {
        "TrainingJobStatusCounters": {
            "Completed": counters.completed,
            "InProgress": counters.in_progress,
            "RetryableError": counters.retryable_error,
            "NonRetryableError": counters.non_retryable_error,
            "Stopped": counters.stopped,
        },
        "ObjectiveStatusCounters": {
            "Succeeded": counters.objective_succeeded,
            "Pending": counters.objective_pending,
            "Failed": counters.objective_failed,
        },
    }


def observe(resource: Resource, rows: Sequence[Resource], tools: Tools) -> dict[str, list[float]]:
    """Read the curves of the objective metric, where the early stopping of training jobs needs them."""
    job = tuning_job(resource)
    if not job.plan.early_stopping:
        return {}
    span = Span(resource.created - 1, tools.clock.now() + 1, 1)
    metric = job.plan.definitions[0].metric
    return {
        row.name: [
            bucket.total / bucket.samples
            for bucket in tools.metrics.buckets(
                Key(row.account, row.region, LOG_GROUP, metric, (("TrainingJobName", row.name),)), span
            )
        ]
        for row in rows
    }


def decide(resource: Resource, observed: Observed) -> Decision:
    """Carry the search's decision over to rows and requests."""
    if resource.phase in BEFORE:
        return Decision(Change(due=observed.now, phase=BEFORE[resource.phase]))
    refusals = [each for each in observed.refused.values() if each.code not in RETRIED]
    job = tuning_job(
        resource, f"{refusals[0].code}: {refusals[0].message}" if refusals else resource.run.get("refused")
    )
    rows = {row.name: row for row in observed.children}
    seen = children(job, observed.children, observed.facts)
    wanted = search.decide(job, seen, observed.now)
    if resource.phase == "saving":
        return Decision(Change(due=None, phase="succeeded"))
    orders: list[Order] = [
        *(Stop(rows[name]) for name in wanted.stop),
        *(
            Create("sagemaker", "CreateTrainingJob", request_for(resource, job, each), each.name)
            for each in wanted.create
        ),
    ]
    return Decision(_change(resource, wanted, seen, observed.now, job.refused), orders)


BEFORE = {"pending": "starting", "starting": "running"}
PHASES = {TuningPhase.COMPLETED: "saving", TuningPhase.STOPPED: "stopped", TuningPhase.FAILED: "failed"}


def _change(
    resource: Resource, wanted: search.Decision, seen: Sequence[Child], now: float, refused: str | None
) -> Change:
    """What is written of a decision: phase, counters and completion; due again when the time is up."""
    status: dict[str, Any] = _counted(wanted.counters)
    completion: Json = {"NumberOfTrainingJobsObjectiveNotImproving": wanted.not_improving}
    if wanted.converged is not None:
        completion["ConvergenceDetectedTime"] = wanted.converged
    status["TuningJobCompletionDetails"] = completion
    phase = PHASES.get(wanted.phase)
    if phase is not None:
        status["HyperParameterTuningEndTime"] = now
    if phase == "failed" and wanted.reason:
        status["FailureReason"] = wanted.reason[:1024]
    due = wanted.look_again
    if tuning_job(resource).plan.early_stopping and any(each.phase is Phase.RUNNING for each in seen):
        due = min(due or now + LOOK_SECONDS, now + LOOK_SECONDS)
    if phase == "saving":
        due = now
    return Change(due=due, phase=phase, status=status, run={"refused": refused} if refused else {})


def caller(resource: Resource) -> WorkRole:
    """The role of the first definition, which makes the training jobs."""
    return WorkRole.of(resource, definitions_of(resource.spec)[0]["RoleArn"])


KIND = ParentKind(lifecycle=RUN, decide=decide, observe=observe, caller=caller)

NOUN = declare(
    Noun(
        kind="HyperParameterTuningJob",
        path="hyper-parameter-tuning-job/{name}",
        taken=Refusal(
            "Hyper parameter tuning job names must be unique within an AWS account and region, and a job with this "
            "name already exists ({arn})",
            ResourceInUse,
        ),
        missing=MISSING,
        words=WORDS,
        check=check,
        describe=describe,
        defaults={"HyperParameterTuningJobConfig": {"TrainingJobEarlyStoppingType": "Off"}},
        lifecycle=RUN,
        status=_counted(Counters()),
        shape=Shape(
            summary={
                "Strategy": "HyperParameterTuningJobConfig.Strategy",
                "ResourceLimits": "HyperParameterTuningJobConfig.ResourceLimits",
            }
        ),
        controller=lambda tools: ParentController(KIND, tools),
    ),
    ended=ended("hyper parameter tuning job"),
)


@operation("sagemaker", "ListTrainingJobsForHyperParameterTuningJob")
def list_training_jobs(call: Call, request: Json) -> Json:
    """The training jobs of a tuning job, by name, time, status or objective; those without an objective are last."""
    resource = NOUN.find(call, request)
    job = tuning_job(resource)
    rows = {row.name: row for row in call.platform.resources.children(resource.id, ALL)}
    said = [summary(job, rows[each.name], each) for each in children(job, list(rows.values()))]
    if "StatusEquals" in request:
        said = [each for each in said if each["TrainingJobStatus"] == request["StatusEquals"]]
    ordered = _ordered(said, request.get("SortBy", "Name"), request.get("SortOrder", "Ascending") == "Descending")
    first = position_of(request["NextToken"], (int,))[0] if "NextToken" in request else 0
    last = first + int(request.get("MaxResults", PAGE))
    answer: Json = {"TrainingJobSummaries": ordered[first:last]}
    if last < len(ordered):
        answer["NextToken"] = token_of(last)
    return answer


def _ordered(said: list[Json], by: str, descending: bool) -> list[Json]:
    keys = {"CreationTime": "CreationTime", "Status": "TrainingJobStatus"}
    metric = "FinalHyperParameterTuningJobObjectiveMetric"
    by_name = sorted(said, key=lambda each: each["TrainingJobName"], reverse=descending)
    if by == "FinalObjectiveMetricValue":
        valued = [each for each in by_name if metric in each]
        valued.sort(key=lambda each: each[metric]["Value"], reverse=descending)
        return valued + [each for each in by_name if metric not in each]
    if by in keys:
        by_name.sort(key=lambda each: each[keys[by]], reverse=descending)
    return by_name
