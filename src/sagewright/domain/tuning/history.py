"""What a tuning job has learnt so far, and the seam of the strategies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sagewright.domain.tuning.ranges import Point


@dataclass(frozen=True)
class Observation:
    """A point that was asked for, and what came of it."""

    point: Point
    loss: float | None = None
    """What is to be small; None where there is no result, be it not yet or never."""
    pending: bool = False
    """Whether its training job still runs."""

    @property
    def result(self) -> float | None:
        """The loss where it is a number that can be compared, of a job that ended."""
        return self.loss if not self.pending and self.loss is not None and math.isfinite(self.loss) else None


History = Sequence[Observation]
"""The points that were asked for, in that order."""


class Searcher(Protocol):
    """A strategy. The same history, seed and count give the same points, in this process or the next."""

    def ask(self, history: History, seed: int, count: int) -> Sequence[Point]:
        """Give the next ``count`` points: none twice, none that the history has; fewer where no more are left."""
        ...
