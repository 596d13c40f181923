"""Grid search."""

from __future__ import annotations

from tests.kit.tuning import SMALL, keys, searched

from sagewright.domain.tuning.grid import GridSearch
from sagewright.domain.tuning.history import Observation


def test_every_point_once_in_order() -> None:
    history = searched(GridSearch(SMALL), lambda _: 1.0, 0, 50)
    assert keys(SMALL, history) == [SMALL.key(each) for each in SMALL.every_point()]


def test_a_point_that_is_awaited_or_failed_is_not_asked_for_again() -> None:
    first, second, third = GridSearch(SMALL).ask([], 0, 3)
    known = [Observation(second, pending=True), Observation(first)]
    assert GridSearch(SMALL).ask(known, 5, 1) == [third]
    assert len(GridSearch(SMALL).ask(known, 5, 50)) == 4
