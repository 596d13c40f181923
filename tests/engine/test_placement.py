"""Placement: never more than fits, nobody overtakes, and nobody waits beside free room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.engine.placement import Placement, instance_type, limits_on_this_machine

STEPS = st.lists(st.tuples(st.sampled_from(["ask", "end"]), st.integers(0, 9), st.integers(1, 5)), max_size=60)


@given(capacity=st.integers(1, 4), steps=STEPS)
def test_first_come_first_served_within_the_capacity(capacity: int, steps: list[tuple[str, int, int]]) -> None:
    woken: list[str] = []
    placement = Placement(capacity, woken.append)
    held: dict[str, int] = {}
    queue: list[tuple[str, int]] = []

    def ask(name: str, size: int) -> None:
        if placement.acquire(name, size):
            if name not in held:
                position = [each for each, _ in queue].index(name) if name in [each for each, _ in queue] else None
                assert position == 0 if queue else position is None, "nobody overtakes"
                if position == 0:
                    size = queue.pop(0)[1]
                held[name] = size
        elif name not in [each for each, _ in queue]:
            queue.append((name, size))

    for action, number, size in steps:
        name = f"job-{number}"
        if action == "ask":
            ask(name, size)
        else:
            placement.release(name)
            held.pop(name, None)
            queue = [each for each in queue if each[0] != name]
        while woken:
            woken_name = woken.pop(0)
            if woken_name in [each for each, _ in queue]:
                ask(woken_name, 0)
        assert len(held) <= 1 or sum(held.values()) <= capacity
        if queue:
            assert held, "the first in the queue has room"
            assert sum(held.values()) + queue[0][1] > capacity, "the first in the queue has room"


@pytest.mark.parametrize(
    ("name", "vcpus", "gib"),
    [
        ("ml.m5.large", 2, 8),
        ("ml.m5.xlarge", 4, 16),
        ("ml.c5.2xlarge", 8, 16),
        ("ml.t3.medium", 2, 4),
        ("ml.r5.24xlarge", 96, 768),
    ],
)
def test_instance_types_by_their_names(name: str, vcpus: int, gib: int) -> None:
    found = instance_type(name)
    assert (found.vcpus, found.memory_bytes / 2**30) == (vcpus, gib)
    assert limits_on_this_machine(found).vcpus <= vcpus


def test_a_type_nobody_knows_has_a_size_all_the_same() -> None:
    assert instance_type("ml.trn9.metal-48xl").vcpus == 4
