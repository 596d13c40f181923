"""Spaces and histories of a tuning job, as tests draw them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from hypothesis import assume
from hypothesis import strategies as st

from sagewright.domain.tuning.completion import Criteria
from sagewright.domain.tuning.history import Observation, Searcher
from sagewright.domain.tuning.job import Child, Definition, Goal, Limits, Phase, Plan, TuningJob
from sagewright.domain.tuning.ranges import Categorical, Continuous, Integer, Parameter, Point, Scaling, Space
from sagewright.domain.tuning.strategies import Strategy

PLANE = Space((Continuous("x", -5, 10), Continuous("y", 0, 15)))
MIXED = Space(
    (
        Continuous("rate", 1e-5, 1, Scaling.LOGARITHMIC),
        Continuous("momentum", 0, 0.999, Scaling.REVERSE_LOGARITHMIC),
        Integer("depth", 1, 12),
        Integer("rounds", 1, 5000, Scaling.LOGARITHMIC),
        Categorical("booster", ("tree", "linear", "dart")),
    )
)
SMALL = Space((Integer("depth", 1, 3), Categorical("booster", ("tree", "linear"))))


def branin(point: Point) -> float:
    """A function of two numbers with three equal minima of 0.397887."""
    x, y = float(point["x"]), float(point["y"])
    bent = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return bent**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def searched(searcher: Searcher, loss: Callable[[Point], float | None], seed: int, count: int) -> list[Observation]:
    """The history of a search, one point at a time."""
    history: list[Observation] = []
    while len(history) < count and (points := searcher.ask(history, seed, 1)):
        history.append(Observation(points[0], loss(points[0])))
    return history


def keys(space: Space, history: Sequence[Observation]) -> list[tuple[str, ...]]:
    """The values of each point."""
    return [space.key(each.point) for each in history]


def drawn(space: Space, count: int, seed: int = 0) -> list[Point]:
    """Points at random."""
    source = random.Random(seed)
    return [space.draw([source.random() for _ in space.parameters]) for _ in range(count)]


@st.composite
def integers(draw: st.DrawFn) -> Integer:
    """Integer ranges on both scales."""
    scaling = draw(st.sampled_from([Scaling.LINEAR, Scaling.LOGARITHMIC]))
    low = draw(st.integers(1 if scaling is Scaling.LOGARITHMIC else -(2**40), 2**40))
    return Integer("n", low, low + draw(st.integers(0, 2**20)), scaling)


@st.composite
def reals(draw: st.DrawFn) -> Continuous:
    """Continuous ranges on all scales."""
    scaling = draw(st.sampled_from(Scaling))
    least, most = {
        Scaling.LINEAR: (-1e300, 1e300),
        Scaling.LOGARITHMIC: (1e-300, 1e300),
        Scaling.REVERSE_LOGARITHMIC: (0.0, 0.9999999),
    }[scaling]
    low, high = sorted([draw(st.floats(least, most)), draw(st.floats(least, most))])
    assume(low == high or high - low > 1e-9 * max(abs(low), abs(high), 1e-200))  # else they are a few floats
    return Continuous("x", low, high, scaling)


CATEGORICALS = st.lists(st.text(max_size=5), min_size=1, max_size=30, unique=True).map(
    lambda values: Categorical("c", tuple(values))
)
PARAMETERS: st.SearchStrategy[Parameter] = st.one_of(integers(), reals(), CATEGORICALS)
SPACES = st.lists(PARAMETERS, min_size=1, max_size=5).map(
    lambda each: Space(tuple(_renamed(parameter, f"p{index}") for index, parameter in enumerate(each)))
)


def _renamed(parameter: Parameter, name: str) -> Parameter:
    if isinstance(parameter, Categorical):
        return Categorical(name, parameter.values)
    if isinstance(parameter, Integer):
        return Integer(name, parameter.low, parameter.high, parameter.scaling)
    return Continuous(name, parameter.low, parameter.high, parameter.scaling)


CREATED = 1000.0
LIMITS = Limits(jobs=6, parallel=2)
NO_CRITERIA = Criteria()


def tuning_job(
    *,
    strategy: Strategy = Strategy.RANDOM,
    space: Space = MIXED,
    definitions: int = 1,
    goal: Goal = Goal.MINIMIZE,
    limits: Limits = LIMITS,
    criteria: Criteria = NO_CRITERIA,
    early_stopping: bool = False,
    seed: int | None = None,
) -> TuningJob:
    """A tuning job that was created at ``CREATED``."""
    each = [Definition(f"d{index}", "loss", goal, space) for index in range(definitions)]
    plan = Plan(strategy, tuple(each), limits, criteria, early_stopping, seed)
    return TuningJob("search", "arn/1", plan, CREATED)


def child(
    number: int,
    phase: Phase = Phase.COMPLETED,
    objective: float | None = None,
    *,
    definition: int = 0,
    curve: Sequence[float] = (),
) -> Child:
    """The training job ``number``, which ended that many seconds after ``CREATED``."""
    point = drawn(MIXED, 1, seed=number)[0]
    name = tuning_job().child_name(number, definition)
    ended = CREATED + number if phase.ended else None
    return Child(name, number, definition, point, phase, objective, curve, ended)
