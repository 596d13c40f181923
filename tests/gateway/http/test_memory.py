"""The memory of request bodies: shares, sums, and who waits for whom."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sagewright.gateway.http.memory import BodyMemory, Reservation


def test_shares_and_sums() -> None:
    memory, granted = BodyMemory((100, 60), (200, 120)), []
    first = memory.reserve("a", 60, lambda: granted.append("first"))
    second = memory.reserve("a", 10, lambda: granted.append("second"))
    other = memory.reserve("b", 40, lambda: granted.append("other"))
    third = memory.reserve("c", 1, lambda: granted.append("third"))
    assert [each.held for each in (first, second, other, third)] == [True, False, True, False]
    assert memory.waiting == {"a", "c"}
    memory.give_back(other)
    assert granted == ["third"]
    memory.prove(first)
    assert granted == ["third", "second"], "what is proven leaves the smaller bound"
    assert not memory.grow(second, 60)
    assert memory.grow(second, 50)


def test_a_body_larger_than_a_share_waits_for_all_of_it() -> None:
    memory = BodyMemory((100, 60), (200, 120))
    assert memory.reserve("a", 500, lambda: None).held


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 70), st.sampled_from(["take", "prove", "give"]))))
def test_nothing_is_ever_lost(steps: list[tuple[str, int, str]]) -> None:
    memory, made = BodyMemory((100, 60), (200, 120)), list[Reservation]()
    for holder, size, step in steps:
        if step == "take":
            made.append(memory.reserve(holder, size, lambda: None))
        elif made and step == "prove":
            memory.prove(made[size % len(made)])
        elif made:
            memory.give_back(made.pop(size % len(made)))
    for each in made:
        memory.give_back(each)
    assert not memory.waiting
    assert memory.reserve("a", 60, lambda: None).held
    assert memory.reserve("b", 40, lambda: None).held
