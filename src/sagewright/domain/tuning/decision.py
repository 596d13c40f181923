"""What a tuning job does next: a function of the job, its training jobs and the time."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from sagewright.domain.tuning import completion
from sagewright.domain.tuning.counters import Counters, best, count
from sagewright.domain.tuning.early_stopping import should_stop
from sagewright.domain.tuning.job import Child, Phase, Plan, TuningJob, history
from sagewright.domain.tuning.ranges import Point
from sagewright.domain.tuning.strategies import searcher

HOPELESS = 5
"""Training jobs that may end without an objective before the first that has one."""


class TuningPhase(enum.Enum):
    """Where a tuning job stands."""

    RUNNING = "InProgress"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    STOPPED = "Stopped"
    FAILED = "Failed"


@dataclass(frozen=True)
class NewChild:
    """A training job that is to be created."""

    name: str
    number: int
    definition: int
    point: Point


@dataclass(frozen=True)
class Decision:
    """The next moves, and what Describe shows of the job."""

    phase: TuningPhase
    create: tuple[NewChild, ...] = ()
    stop: tuple[str, ...] = ()
    """Names of training jobs that are to be stopped."""
    reason: str | None = None
    """Why the job fails, or ends before all its training jobs were made."""
    best: str | None = None
    counters: Counters = field(default_factory=Counters)
    not_improving: int = 0
    converged: float | None = None
    """When the search had converged."""
    look_again: float | None = None
    """When the job's time is up: the job is to be looked at then, even if no training job moves."""


@dataclass(frozen=True)
class _End:
    phase: TuningPhase
    reason: str | None


def decide(job: TuningJob, children: Sequence[Child], now: float) -> Decision:
    """Say which training jobs to create and to stop, and where the tuning job stands.

    The same job and training jobs give the same answer, so that a move that was lost is made again and one that was
    carried out is not.
    """
    seen, converged = _progress(job.plan, children)
    end = _end(job, children, seen, now)
    running = [each for each in children if not each.phase.ended]
    create: tuple[NewChild, ...] = ()
    stop: tuple[str, ...] = ()
    if end is not None:
        stop = tuple(each.name for each in running if each.phase is Phase.RUNNING)
        phase = (TuningPhase.STOPPING if job.stopping else TuningPhase.RUNNING) if running else end.phase
    else:
        phase = TuningPhase.RUNNING
        create = _wanted(job, children)
        stop = _lagging(job.plan, children)
        if not create and not running:
            phase = TuningPhase.COMPLETED
            if not any(each.result is not None for each in children):
                end = _End(TuningPhase.FAILED, _no_result(children))
                phase = end.phase
    found = best(job.plan, children)
    runtime = job.plan.limits.runtime
    return Decision(
        phase=phase,
        create=create,
        stop=stop,
        reason=end.reason if end else None,
        best=found.name if found else None,
        counters=count(children),
        not_improving=seen.not_improving,
        converged=converged,
        look_again=job.created + runtime if end is None and runtime is not None else None,
    )


def _progress(plan: Plan, children: Sequence[Child]) -> tuple[completion.Progress, float | None]:
    """Follow the results in the order in which training jobs ended, those without an objective left out."""
    results = sorted(
        (each.ended or 0.0, each.number, plan.definitions[each.definition].goal.loss(each.result))
        for each in children
        if each.result is not None
    )
    seen = completion.progress([loss for _, _, loss in results], plan.criteria)
    return seen, None if seen.converged is None else results[seen.converged][0]


def _end(job: TuningJob, children: Sequence[Child], seen: completion.Progress, now: float) -> _End | None:
    """How the job ends once nothing runs; None where it goes on. A user's stop goes before what else ends it."""
    limits = job.plan.limits
    if job.stopping:
        return _End(TuningPhase.STOPPED, None)
    if job.refused is not None:
        return _End(TuningPhase.FAILED, job.refused)
    if reason := completion.reason(job.plan.criteria, seen):
        return _End(TuningPhase.COMPLETED, reason)
    first = sorted((each for each in children if each.phase.ended), key=lambda each: (each.ended or 0.0, each.number))
    if len(first) >= HOPELESS and all(each.result is None for each in first[:HOPELESS]):
        return _End(TuningPhase.FAILED, _no_result(first[:HOPELESS]))
    if limits.runtime is not None and now >= job.created + limits.runtime:
        return _End(TuningPhase.STOPPED, f"the tuning job ran for MaxRuntimeInSeconds, {limits.runtime:.0f} s")
    return None


def _no_result(ended: Sequence[Child]) -> str:
    """Say why a tuning job without any objective failed."""
    failed = sum(each.phase is Phase.FAILED for each in ended)
    if not ended:
        return "No training job could be made: the ranges hold no point"
    look = "ListTrainingJobsForHyperParameterTuningJob shows them, with their reasons."
    if failed == len(ended):
        return f"No training job succeeded: all {failed} that ended failed. {look}"
    return (
        f"No training job reported the objective metric: of {len(ended)} that ended, {failed} failed. "
        f"Make sure that the log has lines that the metric's regular expression matches. {look}"
    )


def _wanted(job: TuningJob, children: Sequence[Child]) -> tuple[NewChild, ...]:
    """Choose points for the free places: each definition in turn, those that have no points left passed over."""
    plan = job.plan
    running = sum(not each.phase.ended for each in children)
    free = min(plan.limits.parallel - running, plan.limits.jobs - len(children))
    if free <= 0:
        return ()
    made = [sum(each.definition == index for each in children) for index in range(len(plan.definitions))]
    known = [history(plan, children, index) for index in range(len(plan.definitions))]
    points: list[list[Point]] = [[] for _ in plan.definitions]
    open_definitions = set(range(len(plan.definitions)))
    while free > 0 and open_definitions:
        shares = dict.fromkeys(open_definitions, 0)
        for _ in range(free):
            turn = min(open_definitions, key=lambda index: (made[index] + len(points[index]) + shares[index], index))
            shares[turn] += 1
        for index, share in shares.items():
            wanted = len(points[index]) + share
            asked = searcher(plan.strategy, plan.definitions[index].space).ask(known[index], job.seed(index), wanted)
            points[index] = list(asked)
            if len(asked) < wanted:
                open_definitions.discard(index)
        free = min(plan.limits.parallel - running, plan.limits.jobs - len(children)) - sum(map(len, points))
    return _named(job, children, points, made)


def _named(
    job: TuningJob, children: Sequence[Child], points: Sequence[Sequence[Point]], made: Sequence[int]
) -> tuple[NewChild, ...]:
    """Number the new training jobs on from the last one, those of a definition first that has made fewer."""
    order = sorted((made[index] + at, index, at) for index, each in enumerate(points) for at in range(len(each)))
    first = max((each.number for each in children), default=0) + 1
    return tuple(
        NewChild(job.child_name(number, index), number, index, points[index][at])
        for number, (_, index, at) in enumerate(order, first)
    )


def _lagging(plan: Plan, children: Sequence[Child]) -> tuple[str, ...]:
    """Choose the training jobs that the median rule stops: they are compared with others of their definition."""
    if not plan.early_stopping:
        return ()

    def curve(child: Child) -> list[float]:
        goal = plan.definitions[child.definition].goal
        return [goal.loss(value) for value in child.curve]

    return tuple(
        each.name
        for each in children
        if each.phase is Phase.RUNNING
        and should_stop(
            curve(each),
            [curve(other) for other in children if other.definition == each.definition and other is not each],
        )
    )
