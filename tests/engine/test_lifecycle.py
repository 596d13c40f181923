"""The two tables are sound: every phase is reachable, every follower is a phase, nothing is stuck."""

from __future__ import annotations

import pytest

from sagewright.engine.lifecycle import RUN, STANDING, Lifecycle


def reachable(lifecycle: Lifecycle, start: str) -> set[str]:
    found, todo = {start}, [start]
    while todo:
        for following in lifecycle.moves[todo.pop()]:
            if following not in found:
                found.add(following)
                todo.append(following)
    return found


@pytest.mark.parametrize("lifecycle", [RUN, STANDING], ids=lambda each: each.name)
def test_every_phase_can_be_reached_and_left(lifecycle: Lifecycle) -> None:
    phases = set(lifecycle.moves)
    assert reachable(lifecycle, lifecycle.first) == phases
    final = {phase for phase in phases if lifecycle.final(phase)}
    assert all(reachable(lifecycle, phase) & final for phase in phases)


def test_what_ended_stays_ended() -> None:
    assert {phase for phase in RUN.moves if RUN.final(phase)} == {"stopped", "succeeded", "failed"}
    assert {phase for phase in STANDING.moves if STANDING.final(phase)} == {"gone"}
    assert not RUN.allows("succeeded", "running")
    assert RUN.allows("running", "running")
