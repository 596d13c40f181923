"""A Gaussian process over points: what is believed of the loss everywhere, from the losses that are known.

Points are rows of codes: the coordinate of a number, the index of a categorical value. The kernel is Matérn 5/2 with a
length scale for each parameter; any two different categorical values are one apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sagewright.domain.tuning.gaussian.minimum import minimise

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST_FITTED = 150
"""Rows that the length scales are learnt from; a prediction is made from all."""

JITTER = 1e-8
SMALLEST = 1e-12
STARTS = (0.0, -1.0)
"""Where the search for length scales begins, as steps of the logarithm from the usual ones."""

STEPS = 25
_SQRT5 = float(np.sqrt(5.0))


@dataclass(frozen=True)
class Learnt:
    """What was learnt from the losses: how fast they change along each parameter, how noisy and how varied they are."""

    lengths: Array
    noise: float
    variance: float


@dataclass(frozen=True)
class Posterior:
    """What is believed of the loss, as a solved system over the rows."""

    rows: Array
    categorical: Flags
    learnt: Learnt
    mean: float
    factor: Array
    """The inverse of the Cholesky factor of the rows' correlations."""
    weights: Array

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Give the mean and the standard deviation of the loss at each row, without noise."""
        cross = _correlations(_distances(rows, self.rows, self.learnt.lengths, self.categorical))
        mean = self.mean + cross @ self.weights
        left = 1.0 - np.square(cross @ self.factor.T).sum(axis=1)
        return mean, np.sqrt(self.learnt.variance * np.maximum(left, SMALLEST))

    def believe(self, row: Array) -> Posterior:
        """Take the mean for the loss of a row that is still awaited: the mean stays, the doubt near the row goes."""
        at = row[None, :]
        cross = _correlations(_distances(at, self.rows, self.learnt.lengths, self.categorical))[0]
        seen = self.factor @ cross
        left = np.sqrt(max(1.0 + self.learnt.noise + JITTER - float(seen @ seen), JITTER))
        below = np.append(-(seen @ self.factor) / left, 1.0 / left)
        factor = np.vstack([np.pad(self.factor, ((0, 0), (0, 1))), below])
        # A loss that is just what the mean says adds nothing to the mean: its weight is 0.
        return replace(self, rows=np.vstack([self.rows, at]), factor=factor, weights=np.append(self.weights, 0.0))


def fit(rows: Array, losses: Array, categorical: Flags) -> Posterior:
    """Learn the most probable length scales and noise, then condition on all rows."""
    few = _fitted(losses)
    lengths, noise = _learn(rows[few], losses[few], categorical)
    matrix = _correlations(_distances(rows, rows, lengths, categorical))
    factor, mean, weights = _condition(matrix, losses, noise)
    variance = max(float((losses - mean) @ weights) / len(losses), SMALLEST)
    return Posterior(rows, categorical, Learnt(lengths, noise, variance), mean, factor, weights)


def _fitted(losses: Array) -> NDArray[np.intp]:
    """Choose rows to learn from: all, or the best third of what is allowed and others at even steps of rank."""
    order = np.argsort(losses, kind="stable")
    if len(order) <= MOST_FITTED:
        return np.sort(order)
    best, rest = order[: MOST_FITTED // 3], order[MOST_FITTED // 3 :]
    steps = np.linspace(0, len(rest) - 1, MOST_FITTED - len(best)).astype(np.intp)
    return np.sort(np.concatenate([best, rest[steps]]))


def _squares(rows: Array, categorical: Flags) -> Array:
    """The squared difference along each parameter of each pair of rows: (parameters, pairs)."""
    columns = rows.T
    squares: Array = np.square(columns[:, :, None] - columns[:, None, :])
    squares[categorical] = squares[categorical] > 0
    return squares.reshape(len(columns), -1)


def _distances(a: Array, b: Array, lengths: Array, categorical: Flags) -> Array:
    """The squared distance of each row of ``a`` to each of ``b``, in length scales."""
    numbers = ~categorical
    x, y = a[:, numbers] / lengths[numbers], b[:, numbers] / lengths[numbers]
    squared: Array = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1)[None, :] - 2.0 * (x @ y.T)
    np.maximum(squared, 0.0, out=squared)
    for each in np.flatnonzero(categorical):
        squared += (a[:, each, None] != b[None, :, each]) / lengths[each] ** 2
    return squared


def _correlations(squared: Array) -> Array:
    far = _SQRT5 * np.sqrt(squared)
    shaped: Array = (1.0 + far + (5.0 / 3.0) * squared) * np.exp(-far)
    return shaped


def _condition(matrix: Array, losses: Array, noise: float) -> tuple[Array, float, Array]:
    """Solve for factor, mean and weights; noise is added for as long as the matrix is singular."""
    added = noise + JITTER
    while True:
        try:
            factor = np.linalg.inv(np.linalg.cholesky(matrix + added * np.eye(len(losses))))
            break
        except np.linalg.LinAlgError:
            added *= 10
    ones = factor @ np.ones(len(losses))
    mean = float(ones @ (factor @ losses) / (ones @ ones))
    weights: Array = factor.T @ (factor @ (losses - mean))
    return factor, mean, weights


@dataclass(frozen=True)
class _Prior:
    """Normal beliefs about the logarithms of length scales and noise, before any loss is known."""

    centre: Array
    width: Array

    def penalty(self, theta: Array) -> tuple[float, Array]:
        scaled = (theta - self.centre) / self.width
        return 0.5 * float(scaled @ scaled), scaled / self.width


def _learn(rows: Array, losses: Array, categorical: Flags) -> tuple[Array, float]:
    """Find the most probable length scales and noise: the more parameters, the longer the usual length."""
    count = rows.shape[1]
    usual = np.log(0.5) + 0.5 * np.log(count)
    prior = _Prior(np.append(np.full(count, usual), np.log(1e-3)), np.append(np.ones(count), 3.0))
    squares = _squares(rows, categorical)

    def surprise(theta: Array) -> tuple[float, Array]:
        return _surprise(theta, squares, losses, prior)

    found = [minimise(surprise, prior.centre + np.append(np.full(count, start), 0.0), STEPS) for start in STARTS]
    theta = min(found, key=lambda each: each[0])[1]
    return np.exp(theta[:-1]), float(np.exp(theta[-1]))


def _surprise(theta: Array, squares: Array, losses: Array, prior: _Prior) -> tuple[float, Array]:
    """The negative logarithm of the density of ``theta``, and its gradient; the best variance is put in."""
    n = len(losses)
    inverse_squared, noise = np.exp(-2.0 * theta[:-1]), float(np.exp(theta[-1]))
    squared = (inverse_squared @ squares).reshape(n, n)
    far = _SQRT5 * np.sqrt(squared)
    falling = np.exp(-far)
    factor, mean, weights = _condition((1.0 + far + (5.0 / 3.0) * squared) * falling, losses, noise)
    variance = max(float((losses - mean) @ weights) / n, SMALLEST)
    value = 0.5 * n * np.log(variance) - float(np.log(np.diag(factor)).sum())
    sensitivity = factor.T @ factor - np.outer(weights, weights) / variance
    slope = sensitivity * ((5.0 / 3.0) * (1.0 + far) * falling)
    along = 0.5 * inverse_squared * (squares @ slope.ravel())
    gradient = np.append(along, 0.5 * noise * float(np.trace(sensitivity)))
    penalty, push = prior.penalty(theta)
    return float(value) + penalty, gradient + push
