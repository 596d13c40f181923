"""Tasks come when they are due, and none spoils the others."""

from __future__ import annotations

import threading

from sagewright.engine.periodic import FIRST_SECONDS, Periodic, Task
from sagewright.testing.clock import FakeClock


def test_each_task_has_its_own_pace_and_begins_soon() -> None:
    clock, done = FakeClock(), list[str]()
    often = Task("often", 10, lambda: done.append("often"))
    seldom = Task("seldom", 3600, lambda: done.append("seldom"))
    periodic = Periodic("test", [often, seldom], clock.now)

    assert periodic.run_due() == []
    clock.pass_(10)
    assert periodic.run_due() == ["often"]
    clock.pass_(FIRST_SECONDS - 10)
    assert periodic.run_due() == ["often", "seldom"]
    assert periodic.run_due() == []
    clock.pass_(3590)
    assert periodic.run_due() == ["often"]
    clock.pass_(10)
    assert periodic.run_due() == ["often", "seldom"]
    assert done == ["often", "often", "seldom", "often", "often", "seldom"]


def test_a_task_that_fails_is_tried_again_in_its_turn() -> None:
    clock, done = FakeClock(), list[str]()

    def fail() -> None:
        done.append("failed")
        raise OSError("full")

    periodic = Periodic("test", [Task("bad", 1, fail), Task("good", 1, lambda: done.append("good"))], clock.now)
    for _ in range(2):
        clock.pass_(1)
        assert periodic.run_due() == ["bad", "good"]
    assert done == ["failed", "good"] * 2


def test_a_thread_runs_them_until_it_is_stopped() -> None:
    ran = threading.Event()
    periodic = Periodic("test", [Task("one", 0.01, ran.set)])
    periodic.start()
    assert ran.wait(10)
    periodic.stop()
    ran.clear()
    assert periodic.run_due() == []
    Periodic("never started", []).stop()
