"""The strategies by name, and that a server without a Bayesian tuning job does without numpy."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.kit.tuning import SMALL

from sagewright.domain.tuning.strategies import Strategy, searcher


@pytest.mark.parametrize("strategy", Strategy)
def test_each_strategy_gives_points_of_the_space(strategy: Strategy) -> None:
    points = searcher(strategy, SMALL).ask([], 3, 4)
    assert len({SMALL.key(each) for each in points}) == 4
    assert {each["booster"] for each in points} <= {"tree", "linear"}


def test_numpy_is_imported_by_the_first_bayesian_search() -> None:
    code = (
        "import sys; from sagewright.domain.tuning import decision, document, strategies as s; "
        "from sagewright.domain.tuning.ranges import *; "
        "assert 'numpy' not in sys.modules; s.searcher(s.Strategy.BAYESIAN, Space(())); assert 'numpy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
