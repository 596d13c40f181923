"""Bayesian search: a few points that fill the space, then those that a Gaussian process expects most of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sagewright.domain.tuning.gaussian.candidates import Codes, fill, promising
from sagewright.domain.tuning.gaussian.losses import shape
from sagewright.domain.tuning.gaussian.process import Array, Flags, Posterior, fit
from sagewright.domain.tuning.history import History
from sagewright.domain.tuning.random_search import generator, unused
from sagewright.domain.tuning.ranges import Point, Space

FEWEST, MOST = 4, 10
"""Results before the process is asked: one more than there are parameters, within these."""

BEST = 5
"""Points that candidates begin around."""

NEAR = 0.02
"""A point all of whose coordinates are this near to an awaited one's is the last to be suggested."""


@dataclass(frozen=True)
class BayesianSearch:
    """Learns from results. Points that are awaited count as if they came out as expected, failed ones as the worst."""

    space: Space

    def ask(self, history: History, seed: int, count: int) -> Sequence[Point]:
        """Suggest points, each after the ones before it were taken for awaited."""
        suggestions = _Suggestions(self.space, history, seed)
        points: list[Point] = []
        while len(points) < count and (point := suggestions.next()) is not None:
            points.append(point)
        return points


class _Suggestions:
    """The points that follow a history, one after the other."""

    def __init__(self, space: Space, history: History, seed: int) -> None:
        self._space, self._seed, self._history = space, seed, history
        self._codes = Codes(space)
        self._taken = {space.key(each.point) for each in history}
        self._awaited = [self._row(each.point) for each in history if each.pending]
        self._number = len(history)
        known = sum(each.result is not None for each in history)
        self._learns = known >= min(max(len(space.parameters) + 1, FEWEST), MOST)
        self._posterior: Posterior | None = None
        self._best = np.empty((0, len(space.parameters)))

    def next(self) -> Point | None:
        """Give one more point; None where the space has no other."""
        source = generator(self._seed, self._number)
        point = self._promising(source.getrandbits(64)) if self._learns else self._filling()
        if point is None or self._space.key(point) in self._taken:
            point = unused(self._space, self._taken, source)
        if point is None:
            return None
        self._taken.add(self._space.key(point))
        self._number += 1
        self._awaited.append(self._row(point))
        if self._posterior is not None:
            self._posterior = self._posterior.believe(self._awaited[-1])
        return point

    def _filling(self) -> Point:
        shift = np.random.default_rng(generator(self._seed, -1).getrandbits(64))
        uniforms = fill(self._number + 1, len(self._space.parameters), shift)[self._number]
        return self._space.draw(uniforms.tolist())

    def _promising(self, seed: int) -> Point | None:
        if self._posterior is None:
            self._posterior = self._learn()
        rows = promising(self._posterior, self._codes, self._best, np.random.default_rng(seed))
        apart = self._apart(rows)
        points = (self._space.point(row) for row in np.vstack([rows[apart], rows[~apart]]).tolist())
        return next((each for each in points if self._space.key(each) not in self._taken), None)

    def _apart(self, rows: Array) -> Flags:
        """Tell which rows are not next to an awaited one: jobs that run together are to learn different things."""
        apart = np.ones(len(rows), dtype=np.bool_)
        for each in self._awaited:
            apart &= np.abs(rows - each).max(axis=1) >= NEAR
        return apart

    def _learn(self) -> Posterior:
        results = [(each.point, each.result) for each in self._history if each.result is not None]
        failed = [each.point for each in self._history if each.result is None and not each.pending]
        losses = shape(np.array([result for _, result in results]))
        losses = np.concatenate([losses, np.full(len(failed), losses.max())])
        rows = np.array([self._row(point) for point in (*(point for point, _ in results), *failed)])
        self._best = rows[np.argsort(losses, kind="stable")[:BEST]]
        posterior = fit(rows, losses, self._codes.categorical)
        for row in self._awaited:
            posterior = posterior.believe(row)
        return posterior

    def _row(self, point: Point) -> Array:
        return np.array(self._space.coordinates(point))
