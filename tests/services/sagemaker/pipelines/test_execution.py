"""An execution's phases follow its status by moves that the lifecycle allows."""

from __future__ import annotations

import pytest

from sagewright.engine.lifecycle import RUN
from sagewright.services.sagemaker.pipelines._execution import _phase


@pytest.mark.parametrize("status", ["Executing", "Succeeded", "Failed"])
@pytest.mark.parametrize("phase", ["pending", "starting", "running", "stopping"])
def test_each_move_is_allowed_and_the_end_is_reached(phase: str, status: str) -> None:
    for _ in range(4):
        following = _phase(phase, status)
        assert RUN.allows(phase, following)
        phase = following
        if RUN.final(phase):
            break
    assert RUN.final(phase) == (status != "Executing")
