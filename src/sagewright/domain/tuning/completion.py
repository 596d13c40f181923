"""When a tuning job is complete before it has made all its training jobs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SIGNIFICANT = 0.01
"""The part of the best loss by which a better one must be lower to count as an improvement."""

FEWEST_RESULTS = 20
"""Results before a search may be called converged."""

FEWEST_IDLE = 10
"""Results without improvement before a search may be called converged."""


@dataclass(frozen=True)
class Criteria:
    """What may complete a tuning job early; what is None or False does not."""

    target: float | None = None
    """A loss that is good enough: reaching it, or going below it, completes the job."""
    not_improving: int | None = None
    """Results in a row without improvement."""
    on_convergence: bool = False


@dataclass(frozen=True)
class Progress:
    """How the search went over the results, in the order in which they came."""

    not_improving: int = 0
    """Results since the last improvement."""
    reached: int | None = None
    """The index of the result that reached the target."""
    idled: int | None = None
    """The index of the result with which too many in a row did not improve."""
    converged: int | None = None
    """The index of the result at which the search had converged."""


def progress(losses: Sequence[float], criteria: Criteria) -> Progress:
    """Follow the results; a loss that is no number improves nothing. What is met stays met, whatever comes later.

    The search has converged when it has had ``FEWEST_RESULTS`` and the last improvement is ``FEWEST_IDLE`` results ago
    and half of all.
    """
    best: float | None = None
    idle = 0
    reached, idled, converged = None, None, None
    for index, loss in enumerate(losses):
        best, idle = (loss, 0) if improves(loss, best) else (best, idle + 1)
        done = index + 1
        if reached is None and criteria.target is not None and math.isfinite(loss) and loss <= criteria.target:
            reached = index
        if idled is None and criteria.not_improving is not None and idle >= criteria.not_improving:
            idled = index
        if converged is None and best is not None and done >= FEWEST_RESULTS and idle >= max(FEWEST_IDLE, done / 2):
            converged = index
    return Progress(idle, reached, idled, converged)


def improves(loss: float, best: float | None) -> bool:
    """Say whether ``loss`` is better than ``best`` by a hundredth of it."""
    if not math.isfinite(loss):
        return False
    return best is None or best - loss > SIGNIFICANT * abs(best)


def reason(criteria: Criteria, seen: Progress) -> str | None:
    """Say which criterion is met, None where none is."""
    if seen.reached is not None:
        return "the target of the objective metric was reached"
    if seen.idled is not None:
        return f"{criteria.not_improving} training jobs in a row did not improve the best objective metric by 1%"
    if criteria.on_convergence and seen.converged is not None:
        return "the search converged"
    return None
