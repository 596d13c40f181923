"""Grid search: every combination of categorical values once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from sagewright.domain.tuning.history import History
from sagewright.domain.tuning.ranges import Point, Space


@dataclass(frozen=True)
class GridSearch:
    """Goes through all points of a finite space in order."""

    space: Space

    def ask(self, history: History, seed: int, count: int) -> Sequence[Point]:  # noqa: ARG002  # a grid has no chance
        """Give the first points that the history does not have."""
        taken = {self.space.key(each.point) for each in history}
        return list(islice((each for each in self.space.every_point() if self.space.key(each) not in taken), count))
