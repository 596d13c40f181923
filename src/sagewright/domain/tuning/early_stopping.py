"""The median rule: a training job is stopped that does worse than half of the others did on average up to its step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median

Curve = Sequence[float]
"""The loss of one training job at its steps, the first step first; less is better."""

FEWEST_JOBS = 4
"""Other jobs that must have reached a step before anything is stopped at it."""

FEWEST_STEPS = 2
"""Steps that each job may take whatever it reports."""


def should_stop(curve: Curve, others: Sequence[Curve]) -> bool:
    """Say whether the last loss of ``curve`` is worse than the median of the others' running averages at that step."""
    step = len(curve)
    if step < FEWEST_STEPS:
        return False
    averages = [fmean(other[:step]) for other in others if len(other) >= step and _finite(other[:step])]
    if len(averages) < FEWEST_JOBS:
        return False
    return not math.isfinite(curve[-1]) or curve[-1] > median(averages)


def _finite(curve: Curve) -> bool:
    return all(math.isfinite(loss) for loss in curve)
