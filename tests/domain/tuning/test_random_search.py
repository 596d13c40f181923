"""Random search."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kit.tuning import MIXED, SMALL, SPACES, keys, searched

from sagewright.domain.tuning.history import Observation
from sagewright.domain.tuning.random_search import RandomSearch, generator, unused
from sagewright.domain.tuning.ranges import Integer, Space


@given(SPACES, st.integers(0, 2**31), st.integers(1, 12))
@settings(max_examples=50)
def test_points_asked_for_together_are_those_asked_for_one_by_one(space: Space, seed: int, count: int) -> None:
    together = RandomSearch(space).ask([], seed, count)
    assert [each.point for each in searched(RandomSearch(space), lambda _: 0.0, seed, count)] == list(together)


def test_results_do_not_matter_and_seeds_do() -> None:
    point = RandomSearch(MIXED).ask([], 1, 1)[0]
    losses = [Observation(point, loss) for loss in (None, 3.0)]
    assert RandomSearch(MIXED).ask(losses[:1], 1, 1) == RandomSearch(MIXED).ask(losses[1:], 1, 1)
    assert RandomSearch(MIXED).ask([], 2, 1) != [point]


def test_a_finite_space_is_gone_through_once() -> None:
    history = searched(RandomSearch(SMALL), lambda _: 0.0, 7, 50)
    assert sorted(keys(SMALL, history)) == sorted(SMALL.key(each) for each in SMALL.every_point())


def test_what_is_left_of_a_large_space_is_found() -> None:
    space = Space((Integer("n", 1, 3000),))
    taken = {(str(value),) for value in range(1, 3001) if value != 1234}
    assert unused(space, taken, generator(0, 0)) == {"n": "1234"}
    assert unused(space, taken | {("1234",)}, generator(0, 0)) is None
