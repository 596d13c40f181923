"""Decides what an execution does next: one pure function of what is known.

A step begins when all that it waits for has succeeded, its branch was taken, and there is room. After a failure nothing
new begins, and the execution fails when what runs has ended; a Fail step and a stop end what runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sagewright.domain.pipelines import caching, conditions, kinds, requests, retries
from sagewright.domain.pipelines.definition import Definition, Step, own_arguments
from sagewright.domain.pipelines.execution import (
    Create,
    Decision,
    Execution,
    Made,
    Observed,
    Refusal,
    Status,
    StepRun,
    Stop,
)
from sagewright.domain.pipelines.expressions import Context, FilesNeeded, Unresolvable, resolve
from sagewright.domain.pipelines.graph import Graph

FAILED = "Step failure: One or multiple steps failed."


@dataclass(frozen=True)
class Pipeline:
    """A definition with its graph."""

    definition: Definition
    graph: Graph


def decide(
    pipeline: Pipeline, execution: Execution, steps: Mapping[str, StepRun], observed: Observed, now: float
) -> Decision:
    """Decides by what the steps have come to and what was observed since. Changes nothing itself."""
    turn = _Turn(pipeline, execution, dict(steps), observed, now)
    for name, run in steps.items():
        if run.active:
            turn.observe(pipeline.definition.steps[name], run)
    for name in pipeline.graph.order:  # what a step waits for comes before it
        if name in turn.runs:
            continue
        if turn.is_never(name):
            turn.never.add(name)
        elif turn.may_begin(name):
            turn.begin(pipeline.definition.steps[name])
    if turn.ending:
        turn.stop_all()
    status, failure = _outcome(turn)
    pending = [run.retry_at for run in turn.runs.values() if run.retry_at is not None and run.retry_at > now]
    return Decision(
        status,
        turn.runs,
        tuple(turn.orders),
        failure,
        frozenset(turn.files),
        frozenset(turn.earlier),
        min(pending, default=None),
    )


@dataclass
class _Turn:
    """One decision while it is made."""

    pipeline: Pipeline
    execution: Execution
    runs: dict[str, StepRun]
    observed: Observed
    now: float
    never: set[str] = field(default_factory=set)
    orders: list[Create | Stop] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    earlier: set[str] = field(default_factory=set)

    @property
    def failed(self) -> bool:
        return any(run.status == "Failed" for run in self.runs.values())

    @property
    def ending(self) -> bool:
        """Whether what runs is to be ended: somebody said so, or a Fail step was reached."""
        return self.execution.stopping or any(run.message is not None for run in self.runs.values())

    # what runs

    def observe(self, step: Step, run: StepRun) -> None:
        """Takes in what was seen of a step that runs."""
        made, refusal = self.observed.made.get(run.token), self.observed.refused.get(run.token)
        if run.retry_at is not None:
            if self.now >= run.retry_at and not self.ending:
                self.order(step, replace(run, attempt=run.attempt + 1, retry_at=None, arn=None))
        elif made is not None:
            self.runs[step.name] = self.seen(step, run, made)
        elif refusal is not None:
            self.runs[step.name] = self.refused(step, run, refusal)
        elif not self.ending:
            self.order(step, run)

    def seen(self, step: Step, run: StepRun, made: Made) -> StepRun:
        """A step by what its Describe answer shows."""
        progress = kinds.progress(step.type, made.document)
        run = replace(run, arn=made.arn)
        if progress == "running":
            return run if run.status == "Stopping" else replace(run, status="Executing")
        if progress == "stopping":
            return replace(run, status="Stopping")
        if progress == "succeeded":
            return run.ends("Succeeded", self.now, document=made.document)
        if progress == "stopped":
            return run.ends("Stopped", self.now, failure=kinds.failure_reason(made.document) or None)
        reason = kinds.failure_reason(made.document)
        return self.again(step, run, retries.of_job(reason), f"{_subject(step)} failed. {reason}".strip())

    def refused(self, step: Step, run: StepRun, refusal: Refusal) -> StepRun:
        operation = kinds.KINDS[step.type].create
        text = f"ClientError: Failed to invoke sagemaker:{operation}. Error Details: {refusal.message}"
        return self.again(step, run, retries.of_refusal(refusal.code), text)

    def again(self, step: Step, run: StepRun, exception: str | None, reason: str) -> StepRun:
        """The step that waits for its next attempt, or has failed for good."""
        at = None
        if not self.ending and exception is not None:
            at = retries.next_attempt(step.retries, exception, run.retried, run.began, self.now)
        if at is None or exception is None:
            return run.ends("Failed", self.now, failure=reason[:1024])
        return replace(run, status="Starting", retry_at=at, retried=(*run.retried, exception), failure=reason[:1024])

    # what begins

    def may_begin(self, name: str) -> bool:
        """Whether all that a step waits for has succeeded, its branch was taken, and nothing is ending."""
        if self.failed or self.ending or not self.execution.selects(name):
            return False
        graph = self.pipeline.graph
        joins = (each for each in graph.joins[name] if each not in self.never and self.execution.selects(each))
        return all(each in self.runs and self.runs[each].status == "Succeeded" for each in (*graph.waits[name], *joins))

    def is_never(self, name: str) -> bool:
        """Whether a step will not run, because it, or what it waits for, stands in a branch that was not taken."""
        branch = self.pipeline.definition.steps[name].branch
        if branch is not None and branch.condition in self.runs:
            outcome = self.runs[branch.condition].outcome
            if outcome is not None and outcome != branch.outcome:
                return True
        return not self.never.isdisjoint(self.pipeline.graph.waits[name])

    def begin(self, step: Step) -> None:
        """Begins a step whose turn has come."""
        if step.type in kinds.KINDS and not self.room():
            return
        run = StepRun("Starting", self.now)
        try:
            if step.type == kinds.CONDITION:
                self.runs[step.name] = self.judged(step, run)
            elif step.type == kinds.FAIL:
                text = resolve(step.arguments.get("ErrorMessage", ""), _context(self, step, run))
                message = "" if text is None else str(text)[:3072]
                self.runs[step.name] = run.ends("Failed", self.now, message=message, failure=message[:1024] or None)
            elif step.type not in kinds.KINDS:
                reason = f"Steps of type {step.type} cannot run here yet."
                self.runs[step.name] = run.ends("Failed", self.now, failure=reason)
            else:
                self.order(step, run, fresh=True)
        except FilesNeeded as needed:
            self.files.update(needed.uris)
        except ValueError as error:
            self.runs[step.name] = run.ends("Failed", self.now, failure=str(error)[:1024])

    def room(self) -> bool:
        limit = self.execution.most_parallel
        return limit is None or sum(run.active for run in self.runs.values()) < limit

    def judged(self, step: Step, run: StepRun) -> StepRun:
        documents = resolve(own_arguments(step.type, step.arguments)["Conditions"], _context(self, step, run))
        outcome = conditions.holds(documents)
        return run.ends("Succeeded", self.now, outcome=outcome, document={"Outcome": str(outcome)})

    def order(self, step: Step, run: StepRun, *, fresh: bool = False) -> None:
        """Orders what a step is for, or takes it of the cache; a step that was begun already is ordered once more."""
        try:
            context = _context(self, step, run)
            arguments = resolve(step.arguments, context)
        except FilesNeeded as needed:
            self.files.update(needed.uris)
            return
        except Unresolvable as error:
            self.runs[step.name] = run.ends("Failed", self.now, failure=str(error)[:1024])
            return
        if fresh and step.cache is not None and step.cache.enabled:
            answered = self.looked_up(step, step.cache, run, arguments)
            if answered is None:
                self.earlier.add(step.name)
                return
            run = answered
        if run.key is None:
            run = replace(run, key=caching.key(step.type, arguments))
        if not run.active:
            self.runs[step.name] = run
            return
        order = requests.create(self.execution, step, run.attempt, arguments, context.experiment)
        self.orders.append(order)
        self.runs[step.name] = replace(run, status="Starting", token=order.token, name=order.name)

    def looked_up(
        self, step: Step, config: caching.CacheConfig, run: StepRun, arguments: Mapping[str, Any]
    ) -> StepRun | None:
        """The step with the cache's verdict, ended where that is a hit; None until earlier runs are looked up."""
        key = caching.key(step.type, arguments)
        if key is None:
            return replace(run, cause=f"Steps of type {step.type} are not cached.")
        if step.name not in self.observed.earlier:
            return None
        verdict = caching.look_up(key, self.observed.earlier[step.name], config, self.now)
        told = replace(
            run,
            key=key,
            cause=verdict.reason,
            differences=tuple({"member": d.member, "before": d.before, "now": d.now} for d in verdict.differences),
        )
        hit = verdict.hit
        if hit is None:
            return told
        return told.ends("Succeeded", self.now, cached_from=hit.execution, arn=hit.arn, document=hit.document, name="")

    # the end

    def stop_all(self) -> None:
        """Ends what runs: what can be stopped is, what has not been made yet is not made."""
        self.orders = [order for order in self.orders if isinstance(order, Stop)]
        for name, run in self.runs.items():
            step = self.pipeline.definition.steps[name]
            if not run.active:
                continue
            kind, made = kinds.KINDS[step.type], self.observed.made.get(run.token)
            if made is None or run.retry_at is not None:
                self.runs[name] = run.ends("Stopped", self.now)
            elif kind.stops and kinds.progress(step.type, made.document) != "stopping":
                self.orders.append(Stop(name, run.name, kind.stop, {kind.name: run.name}))
                self.runs[name] = replace(run, status="Stopping")


def _context(turn: _Turn, step: Step, run: StepRun) -> Context:
    """What a step's expressions are resolved by."""
    made = turn.execution
    variables = {
        "StartDateTime": _timestamp(made.began),
        "CurrentDateTime": _timestamp(run.began),
        "PipelineName": made.pipeline_name,
        "PipelineArn": made.pipeline_arn,
        "PipelineExecutionId": made.id,
        "PipelineExecutionArn": made.arn,
    }
    if step.type in ("Training", "Processing"):
        variables[f"{step.type}JobName"] = requests.name(made, step, run.attempt)
    definition = turn.pipeline.definition
    context = Context(
        made.parameters,
        variables,
        {},
        {name: each.document for name, each in turn.runs.items() if each.document is not None},
        {name: each.property_files for name, each in definition.steps.items()},
        turn.observed.files,
    )
    if definition.experiment is None:
        return context
    return replace(context, experiment=requests.experiment_config(resolve(definition.experiment, context)))


def _outcome(turn: _Turn) -> tuple[Status, str | None]:
    """How the execution stands, with the reason where it failed."""
    active = any(run.active for run in turn.runs.values())
    message = next((run.message for run in turn.runs.values() if run.message is not None), None)
    if active or turn.files or turn.earlier:
        stopping = turn.execution.stopping and message is None
        return ("Stopping" if stopping else "Executing"), None
    if message is not None:
        return "Failed", message[:1300] or FAILED
    if turn.execution.stopping:
        return "Stopped", None
    if turn.failed or any(run.status == "Stopped" for run in turn.runs.values()):
        return "Failed", FAILED
    return "Succeeded", None


def _subject(step: Step) -> str:
    return f"The {step.type} step '{step.name}'"


def _timestamp(seconds: float) -> str:
    """``2026-11-30T07:00:00.123Z``"""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
