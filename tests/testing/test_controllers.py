"""The case for parents notices a kind that breaks its promises."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from sagewright.engine.lifecycle import RUN
from sagewright.engine.parents import Create, Decision, Observed, ParentKind
from sagewright.store.resources import Change, Resource
from sagewright.testing.controllers import ParentCase


class Forgetful(ParentCase):
    """Makes a child under a new name each time, and notes only afterwards that it did."""

    expected = frozenset({"child-0"})

    def __init__(self, path: Path) -> None:
        self._path, self._count, self._names = path, 0, count()

    def kind(self) -> ParentKind:
        return ParentKind(RUN, self._decide)

    def _decide(self, resource: Resource, observed: Observed) -> Decision:
        if observed.refused:
            return Decision(Change(due=None, phase="stopped"))
        if "made" in resource.run:
            return Decision(Change(due=observed.now, phase="stopped" if resource.phase == "running" else "starting"))
        order = Create("sagemaker", "CreateChild", {"ChildName": f"child-{next(self._names)}"})
        return Decision(Change(due=observed.now, run={"made": True}), [order])


@pytest.mark.parametrize(
    "broken",
    [
        "test_all_is_done",
        "test_each_act_may_be_lost",
        "test_every_act_may_be_lost_once",
        "test_a_role_that_may_nothing_ends_it",
    ],
)
def test_a_kind_that_forgets_is_found_out(tmp_path: Path, broken: str) -> None:
    with pytest.raises(AssertionError):
        getattr(Forgetful(tmp_path), broken)()
