"""Some steps of a pipeline run, with the results of others taken over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.domain.pipelines.world import EXECUTION, World, condition, definition, step

from sagewright.domain.pipelines import selection
from sagewright.domain.pipelines.decisions import Pipeline
from sagewright.domain.pipelines.execution import StepRun


def test_selected_steps_take_the_others_results() -> None:
    text = definition(step("A"), step("B", arguments={"Environment": {"a": {"Get": "Steps.A.X"}}}), step("C"))
    pipeline = World(text).pipeline
    selected = selection.select(pipeline, ["B"])
    runs = {"A": StepRun("Succeeded", 1.0, 2.0, document={"X": "there"}, arn="arn:a")}
    world = World(text, replace(EXECUTION, selected=selected), selection.borrow(pipeline, selected, "arn:x", runs))
    assert world.run().status == "Succeeded"
    assert world.log == ["B"]
    assert world.orders["B"].request["Environment"] == {"a": "there"}
    assert world.runs["A"].selected_from == "arn:x"


def test_a_selection_has_no_holes_and_its_source_no_gaps() -> None:
    pipeline: Pipeline = World(definition(step("A"), step("B", DependsOn=["A"]), step("C", DependsOn=["B"]))).pipeline
    with pytest.raises(ValueError, match="'B' is between"):
        selection.select(pipeline, ["A", "C"])
    with pytest.raises(ValueError, match="no step 'Z'"):
        selection.select(pipeline, ["Z"])
    selected = selection.select(pipeline, ["B", "C"])
    assert selection.taken_over(pipeline, selected) == {"A"}
    with pytest.raises(ValueError, match="'A' that selected steps depend on has not succeeded"):
        selection.borrow(pipeline, selected, "arn:x", {})


def test_a_step_of_a_branch_needs_its_condition_to_have_been_so() -> None:
    pipeline = World(definition(condition("C", 1, 1, [step("A")]))).pipeline
    selected = selection.select(pipeline, ["A"])
    runs = {"C": StepRun("Succeeded", 1.0, 1.0, outcome=False)}
    with pytest.raises(ValueError, match="stands in the branch of 'C' not taken"):
        selection.borrow(pipeline, selected, "arn:x", runs)
    taken = selection.borrow(pipeline, selected, "arn:x", {"C": replace(runs["C"], outcome=True)})
    assert set(taken) == {"C"}
    assert selection.needs_source(pipeline, selected)
    assert not selection.needs_source(pipeline, selection.select(pipeline, ["C", "A"]))
    assert [selection.source_allowed(status) for status in ("Executing", "Failed")] == [False, True]
