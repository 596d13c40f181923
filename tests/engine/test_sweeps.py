"""Sweeps come when they are due, and none spoils the others."""

from __future__ import annotations

from sagewright.engine.sweeps import Sweep, Sweeper
from sagewright.testing.clock import FakeClock


def test_each_sweep_has_its_own_pace() -> None:
    clock, done = FakeClock(), list[str]()
    often = Sweep("often", 60, lambda: done.append("often"))
    seldom = Sweep("seldom", 3600, lambda: done.append("seldom"))
    sweeper = Sweeper([often, seldom], clock)

    assert sweeper.sweep() == ["often", "seldom"]
    assert sweeper.sweep() == []
    clock.pass_(60)
    assert sweeper.sweep() == ["often"]
    clock.pass_(3540)
    assert sweeper.sweep() == ["often", "seldom"]
    assert done == ["often", "seldom", "often", "often", "seldom"]


def test_a_sweep_that_fails_is_tried_again_in_its_turn() -> None:
    clock, done = FakeClock(), list[str]()

    def fail() -> None:
        done.append("failed")
        raise OSError("full")

    sweeper = Sweeper([Sweep("bad", 60, fail), Sweep("good", 60, lambda: done.append("good"))], clock)
    for _ in range(2):
        assert sweeper.sweep() == ["bad", "good"]
        clock.pass_(60)
    assert done == ["failed", "good"] * 2


def test_a_stopped_sweeper_starts_nothing_new() -> None:
    clock = FakeClock()
    sweeper = Sweeper([Sweep("one", 1, lambda: None)], clock)
    sweeper.start()
    sweeper.stop()
    clock.pass_(60)
    assert sweeper.sweep() == []
