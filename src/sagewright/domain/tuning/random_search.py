"""Random search: each point is drawn by itself from the seed and its number."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from sagewright.domain.tuning.history import History
from sagewright.domain.tuning.ranges import Point, Space

TRIES = 100
"""Draws in a row that were there already, before the points that are left are counted."""


@dataclass(frozen=True)
class RandomSearch:
    """Draws points without looking at their results."""

    space: Space

    def ask(self, history: History, seed: int, count: int) -> Sequence[Point]:
        """Draw the points number ``len(history)`` and on."""
        taken = {self.space.key(each.point) for each in history}
        points: list[Point] = []
        for _ in range(count):
            point = unused(self.space, taken, generator(seed, len(history) + len(points)))
            if point is None:
                break
            taken.add(self.space.key(point))
            points.append(point)
        return points


def generator(seed: int, number: int) -> random.Random:
    """Make the source of randomness of one point; text is hashed the same way in each process."""
    return random.Random(f"{seed}:{number}")  # noqa: S311  # a search, not a secret


def unused(space: Space, taken: set[tuple[str, ...]], source: random.Random) -> Point | None:
    """Draw a point that is not taken; None where the space has no other."""
    size = space.size
    if size is not None and len(taken) >= size:
        return None
    for _ in range(TRIES):
        point = space.draw([source.random() for _ in space.parameters])
        if space.key(point) not in taken:
            return point
    if size is None:
        return space.draw([source.random() for _ in space.parameters])
    left = size - len(taken)
    rest = (each for each in space.every_point() if space.key(each) not in taken)
    return next(islice(rest, source.randrange(min(left, TRIES)), None), None)
