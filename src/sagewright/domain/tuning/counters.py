"""How many training jobs stand where, as Describe shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sagewright.domain.tuning.job import Child, Phase, Plan


@dataclass(frozen=True)
class Counters:
    """Counts of training jobs by status, and of objectives by status."""

    completed: int = 0
    in_progress: int = 0
    retryable_error: int = 0
    non_retryable_error: int = 0
    stopped: int = 0
    objective_succeeded: int = 0
    objective_pending: int = 0
    objective_failed: int = 0


def count(children: Sequence[Child]) -> Counters:
    """Count; each training job is in one of the first five and in one of the last three."""
    return Counters(
        completed=sum(each.phase is Phase.COMPLETED for each in children),
        in_progress=sum(not each.phase.ended for each in children),
        retryable_error=sum(each.phase is Phase.FAILED and each.retryable for each in children),
        non_retryable_error=sum(each.phase is Phase.FAILED and not each.retryable for each in children),
        stopped=sum(each.phase is Phase.STOPPED for each in children),
        objective_succeeded=sum(each.result is not None for each in children),
        objective_pending=sum(not each.phase.ended for each in children),
        objective_failed=sum(each.phase.ended and each.result is None for each in children),
    )


def best(plan: Plan, children: Sequence[Child]) -> Child | None:
    """Find the training job with the best objective, the earliest of equals; None where none has one."""
    ranked = [
        (plan.definitions[each.definition].goal.loss(each.result), each.number, each)
        for each in children
        if each.result is not None
    ]
    return min(ranked, key=lambda each: each[:2])[2] if ranked else None
