"""Bayesian search."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kit.tuning import MIXED, PLANE, SMALL, SPACES, branin, drawn, keys, searched

from sagewright.domain.tuning.gaussian.search import BayesianSearch
from sagewright.domain.tuning.history import Observation
from sagewright.domain.tuning.random_search import RandomSearch
from sagewright.domain.tuning.ranges import Space

LOSSES = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))


@given(SPACES, st.integers(0, 2**31), st.lists(LOSSES, max_size=15), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_whatever_came_of_a_history_new_points_follow(
    space: Space, seed: int, losses: list[float | None], pending: int
) -> None:
    points = {space.key(each): each for each in drawn(space, len(losses) + pending)}
    history = [Observation(point, loss) for point, loss in zip(points.values(), losses, strict=False)]
    history += [Observation(point, pending=True) for point in list(points.values())[len(history) :]]
    suggested = BayesianSearch(space).ask(history, seed, 3)
    every = [*keys(space, history), *(space.key(each) for each in suggested)]
    assert len(set(every)) == len(every)
    assert len(suggested) == 3 or space.size == len(every)


@pytest.mark.parametrize("known", [0, 3, 12])
def test_points_asked_for_together_are_those_asked_for_one_by_one(known: int) -> None:
    history = searched(BayesianSearch(MIXED), lambda point: float(point["rate"]), 1, known)
    together = list(BayesianSearch(MIXED).ask(history, 1, 4))
    one_by_one = []
    for _ in range(4):
        awaited = [Observation(point, pending=True) for point in one_by_one]
        one_by_one += BayesianSearch(MIXED).ask([*history, *awaited], 1, 1)
    assert one_by_one == together


def test_another_process_suggests_the_same() -> None:
    history = searched(BayesianSearch(PLANE), branin, 1, 8)
    code = (
        "import json, sys; from tests.kit.tuning import *; "
        "from sagewright.domain.tuning.gaussian.search import BayesianSearch; "
        "history = [Observation(*each) for each in json.load(sys.stdin)]; "
        "print(json.dumps(list(BayesianSearch(PLANE).ask(history, 1, 2))))"
    )
    known = json.dumps([[each.point, each.loss] for each in history])
    told = subprocess.run([sys.executable, "-c", code], input=known, capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == list(BayesianSearch(PLANE).ask(history, 1, 2))


def test_it_finds_twice_as_good_a_point_as_random_search() -> None:
    def regret(search: BayesianSearch | RandomSearch, seed: int) -> float:
        return min(each.loss or math.inf for each in searched(search, branin, seed, 25)) - 0.397887

    bayesian = statistics.median(regret(BayesianSearch(PLANE), seed) for seed in range(5))
    assert bayesian * 2 < statistics.median(regret(RandomSearch(PLANE), seed) for seed in range(5))


def test_awaited_points_keep_others_away() -> None:
    history = searched(BayesianSearch(PLANE), branin, 2, 15)
    points = BayesianSearch(PLANE).ask(history, 2, 6)
    places = [PLANE.coordinates(each) for each in points]
    apart = [math.dist(a, b) for index, a in enumerate(places) for b in places[:index]]
    assert min(apart) >= 0.02


def test_where_jobs_fail_it_looks_elsewhere() -> None:
    def failing(point: dict[str, str]) -> float | None:
        return None if float(point["x"]) > 0 else branin(point)

    history = searched(BayesianSearch(PLANE), failing, 3, 30)
    assert sum(each.loss is None for each in history[15:]) <= 5


def test_a_finite_space_is_gone_through_once() -> None:
    history = searched(BayesianSearch(SMALL), lambda point: float(point["depth"]), 4, 50)
    assert sorted(keys(SMALL, history)) == sorted(SMALL.key(each) for each in SMALL.every_point())
    assert BayesianSearch(SMALL).ask(history, 4, 2) == []


def test_a_constant_objective_is_searched_on() -> None:
    history = searched(BayesianSearch(PLANE), lambda _: 1.5, 5, 20)
    assert len(set(keys(PLANE, history))) == 20
    late = [PLANE.coordinates(each.point)[0] for each in history[10:]]
    assert max(late) - min(late) > 0.5
