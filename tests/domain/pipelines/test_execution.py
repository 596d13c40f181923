"""The state of an execution is kept as documents, and can be resumed."""

from __future__ import annotations

from tests.domain.pipelines.world import World, definition, step

from sagewright.domain.pipelines.execution import StepRun, retried


def test_states_are_kept_as_documents() -> None:
    run = StepRun("Starting", 1.0, attempt=2, retried=("a",), retry_at=5.0, differences=({"member": "x"},))
    document = run.to_json()
    assert StepRun.from_json({**document, "newer": 1}).to_json() == document


def test_an_execution_is_resumed_where_it_failed() -> None:
    world = World(definition(step("A"), step("B", DependsOn=["A"])))
    world.turn()
    world.end("A")
    assert world.end("B", "Failed").status == "Failed"
    before = world.runs["B"].name
    world.execution, world.runs = retried(world.execution, world.runs)
    assert world.run().status == "Succeeded"
    assert world.log == ["A", "B", "B"]
    assert world.runs["B"].name != before
