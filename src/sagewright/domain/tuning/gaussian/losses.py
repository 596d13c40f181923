"""Losses made fit for a Gaussian process: no scale, few outliers, a shape near a bell's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

POWERS = np.linspace(-2.0, 2.0, 41)
FARTHEST = 1e6
"""Spreads from the median beyond which losses are all the same."""


def shape(losses: Array) -> Array:
    """Bend and scale the losses, in their order, by the Yeo-Johnson power under which they look most normal."""
    scaled = _scaled(losses)
    if not scaled.any():
        return scaled
    logs = float((np.sign(scaled) * np.log1p(np.abs(scaled))).sum())
    likely = []
    for power in POWERS:
        variance = float(bend(scaled, power).var())
        usable = np.isfinite(variance) and variance > 1e-12
        likely.append(-0.5 * len(scaled) * np.log(variance) + (power - 1) * logs if usable else -np.inf)
    bent = bend(scaled, POWERS[int(np.argmax(likely))])
    deviation = float(bent.std())
    shaped: Array = (bent - bent.mean()) / (deviation if deviation > 0 else 1.0)
    return shaped


def _scaled(losses: Array) -> Array:
    """Losses in standard deviations from their median; zeros where they are all the same."""
    largest = float(np.abs(losses).max())
    if largest == 0:
        return np.zeros_like(losses)
    small = losses / largest  # sums of squares of huge losses would be infinite
    centred: Array = small - np.median(small)
    deviation = float(small.std())
    if deviation <= 1e-15:
        return np.zeros_like(losses)
    usual = float(np.median(np.abs(centred)))  # of which one huge loss takes nothing
    spread = max(usual, deviation * 1e-15) if 0 < usual < deviation * 1e-4 else deviation
    return np.clip(centred / spread, -FARTHEST, FARTHEST)


def bend(values: Array, power: float) -> Array:
    """Apply the Yeo-Johnson transform: 1 changes nothing, less draws large values in, more draws small ones in."""
    bent = np.empty_like(values)
    up = values >= 0
    above, below = np.log1p(values[up]), np.log1p(-values[~up])
    bent[up] = above if abs(power) < 1e-9 else np.expm1(power * above) / power
    rest = 2.0 - power
    bent[~up] = -below if abs(rest) < 1e-9 else -np.expm1(rest * below) / rest
    return bent
