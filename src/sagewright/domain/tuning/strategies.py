"""The strategies by name."""

from __future__ import annotations

import enum

from sagewright.domain.tuning.grid import GridSearch
from sagewright.domain.tuning.history import Searcher
from sagewright.domain.tuning.random_search import RandomSearch
from sagewright.domain.tuning.ranges import Space


class Strategy(enum.Enum):
    """How the next point is found."""

    BAYESIAN = "Bayesian"
    RANDOM = "Random"
    GRID = "Grid"


def searcher(strategy: Strategy, space: Space) -> Searcher:
    """Make the searcher of a space."""
    if strategy is Strategy.RANDOM:
        return RandomSearch(space)
    if strategy is Strategy.GRID:
        return GridSearch(space)
    from sagewright.domain.tuning.gaussian.search import BayesianSearch  # noqa: PLC0415  # it alone needs numpy

    return BayesianSearch(space)
