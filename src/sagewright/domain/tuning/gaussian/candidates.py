"""Where to look next: the candidate with the largest expected improvement."""

from __future__ import annotations

import math

import numpy as np

from sagewright.domain.tuning.gaussian.process import Array, Posterior
from sagewright.domain.tuning.ranges import Categorical, Integer, Space

EVERYWHERE = 1000
"""Candidates that fill the space."""

AROUND = 300
"""Candidates around the best points, in each round."""

LEADERS = 10
SCALES = (0.2, 0.07, 0.02, 0.007)
"""How far candidates of each round are from the leaders of the round before."""

MOST_LEVELS = 256
"""Integers with more values are treated as real numbers until they are written."""


class Codes:
    """Turns uniform numbers into rows of codes, and rows into rows whose values exist."""

    def __init__(self, space: Space) -> None:
        self.categorical = np.array([isinstance(each, Categorical) for each in space.parameters])
        self._levels = np.array([each.levels or 0 for each in space.parameters])
        self._edges: dict[int, tuple[float, float]] = {}
        self._steps: dict[int, Array] = {}
        for index, each in enumerate(space.parameters):
            if isinstance(each, Integer):
                self._edges[index] = each.edges()
                if each.levels <= MOST_LEVELS:
                    values = range(each.low, each.high + 1)
                    self._steps[index] = np.array([each.coordinate(str(value)) for value in values])

    def draw(self, uniforms: Array) -> Array:
        """Give each value its share of the uniform numbers."""
        rows = uniforms.copy()
        for index, (first, last) in self._edges.items():
            rows[:, index] = first + rows[:, index] * (last - first)
        rows[:, self.categorical] = np.floor(rows[:, self.categorical] * self._levels[self.categorical])
        return self._snap(rows)

    def move(self, rows: Array, scale: float, source: np.random.Generator) -> Array:
        """Move one or a few coordinates of each row by about ``scale``; an integer by one at least."""
        count = rows.shape[1]
        chosen = source.random(rows.shape) < min(0.6, 2.0 / count)
        chosen[np.arange(len(rows)), source.integers(count, size=len(rows))] = True
        steps = np.where(chosen & ~self.categorical, scale * source.standard_normal(rows.shape), 0.0)
        for index in self._steps:
            least = 1.0 / max(self._levels[index] - 1, 1)
            steps[:, index] = np.sign(steps[:, index]) * np.maximum(np.abs(steps[:, index]), least * chosen[:, index])
        moved = rows + steps
        for index in np.flatnonzero(self.categorical).tolist():
            other = chosen[:, index] & (source.random(len(rows)) < 0.5)
            moved[other, index] = source.integers(self._levels[index], size=int(other.sum()))
        return self._snap(moved)

    def _snap(self, rows: Array) -> Array:
        snapped: Array = np.clip(rows, 0.0, np.where(self.categorical, np.maximum(self._levels - 1, 0), 1.0))
        for index, steps in self._steps.items():
            between = (steps[1:] + steps[:-1]) / 2
            snapped[:, index] = steps[np.searchsorted(between, snapped[:, index])]
        return snapped


def fill(count: int, width: int, source: np.random.Generator) -> Array:
    """Spread rows of uniform numbers evenly: multiples of powers of the generalised golden ratio, shifted at random."""
    ratio = 2.0
    for _ in range(40):
        ratio = (1.0 + ratio) ** (1.0 / (width + 1))
    steps = ratio ** -np.arange(1.0, width + 1)
    return (source.random(width) + np.arange(1.0, count + 1)[:, None] * steps) % 1.0


def log_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """The logarithm of the expected improvement on ``best``: it still tells points apart that hardly promise any."""
    z = (best - mean) / deviation
    logs = np.empty_like(z)
    near = z > -5.0
    some = z[near]
    normal = np.array([0.5 * math.erfc(-each / math.sqrt(2.0)) for each in some.tolist()])
    density = np.exp(-0.5 * some * some) / math.sqrt(2.0 * math.pi)
    logs[near] = np.log(np.maximum(density + some * normal, 1e-300))
    far = z[~near]
    inverse = 1.0 / (far * far)
    series = np.log1p(-3.0 * inverse + 15.0 * inverse * inverse) - 2.0 * np.log(-far)  # the tail, by powers of 1/z
    logs[~near] = series - 0.5 * far * far - 0.5 * math.log(2.0 * math.pi)
    return logs + np.log(deviation)


def promising(posterior: Posterior, codes: Codes, best: Array, source: np.random.Generator) -> Array:
    """Give candidates, the most promising first; ``best`` are rows to begin around."""
    lowest = float(posterior.predict(posterior.rows)[0].min())

    def scores_of(rows: Array) -> Array:
        return log_improvement(*posterior.predict(rows), lowest)

    near = codes.move(np.repeat(best, AROUND // len(best), axis=0), SCALES[0], source)
    rows = np.vstack([codes.draw(fill(EVERYWHERE, best.shape[1], source)), near])
    scores = scores_of(rows)
    for scale in SCALES:
        leaders = rows[np.argsort(-scores, kind="stable")[:LEADERS]]
        moved = codes.move(np.repeat(leaders, AROUND // LEADERS, axis=0), scale, source)
        rows, scores = np.vstack([rows, moved]), np.concatenate([scores, scores_of(moved)])
    ordered: Array = rows[np.argsort(-scores, kind="stable")]
    return ordered
