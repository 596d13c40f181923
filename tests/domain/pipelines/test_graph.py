"""Which step waits for which."""

from __future__ import annotations

import json

from tests.domain.pipelines.world import condition, definition, step

from sagewright.domain.pipelines import graph


def test_a_step_behind_a_condition_waits_for_its_branches() -> None:
    inner = condition("D", 1, 1, [step("A")], [step("B")])
    _, connected = graph.parse(definition(condition("C", 1, 1, [inner]), step("E", DependsOn=["C"])))
    assert connected.waits["E"] == {"C"}
    assert connected.joins["E"] == {"A", "B", "D"}
    assert connected.before("A") == {"D"}
    assert connected.order.index("E") == 4


def test_a_step_that_names_the_condition_it_stands_in_waits_for_the_condition_alone() -> None:
    _, connected = graph.parse(definition(condition("C", 1, 1, [step("A", DependsOn=["C"]), step("B")])))
    assert connected.before("A") == {"C"}


def test_a_large_graph_is_read_at_once() -> None:
    steps = [step(f"S{n}", DependsOn=[f"S{m}" for m in range(n)]) for n in range(200)]
    _, connected = graph.parse(json.dumps({"Version": "2020-12-01", "Steps": steps}))
    assert connected.order[-1] == "S199"
    assert len(connected.upstream("S199")) == 199
