"""What an execution does next, as tables and as whole runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.domain.pipelines.world import EXECUTION, World, condition, definition, step, written

from sagewright.domain.pipelines.caching import Earlier
from sagewright.domain.pipelines.decisions import FAILED
from sagewright.domain.pipelines.execution import Refusal

FAIL = step("Stop", "Fail", {"ErrorMessage": "enough"})


@pytest.mark.parametrize("sdk", ["v2", "v3"])
def test_a_whole_pipeline_of_an_sdk_runs(sdk: str) -> None:
    world = World(written(f"{sdk}_whole"))
    world.turn()
    assert world.log == ["Prepare"]
    outputs = world.orders["Prepare"].request["ProcessingOutputConfig"]["Outputs"]
    world.end("Prepare")
    world.end("Train", ModelArtifacts={"S3ModelArtifacts": "s3://b/model.tar.gz"})
    train = world.orders["Train"].request
    assert train["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] == outputs[0]["S3Output"]["S3Uri"]
    uri = "s3://pipelines-tests/abcdefghijkl" + ("/report" if sdk == "v2" else "") + "/report.json"
    world.files[uri] = '{"metrics": {"error": {"value": 0.25}, "score": {"value": 0.75}}}'
    world.end("Evaluate")
    assert world.runs["GoodEnough"].outcome is True
    assert world.run().status == "Succeeded"
    assert "TooBad" not in world.runs
    if sdk == "v2":
        assert (
            world.orders["Config"].request["ProductionVariants"][0]["ModelName"]
            == world.runs["Create-CreateModel"].name
        )
        assert world.orders["Deployment"].request["EndpointConfigName"] == "live-config"
        assert world.orders["Deployment"].name == "live"
        assert world.orders["Register-RegisterModel"].operation == "CreateModelPackage"


def test_a_pipeline_of_functions_runs_in_the_order_of_its_data() -> None:
    world = World(written("v2_functions"))
    world.files["s3://pipelines-tests/functions/abcdefghijkl/Double/results/results.json"] = '{"Result": 6}'
    decision = world.run()
    assert world.log == ["Add", "Double"]
    assert (decision.status, decision.failure) == ("Failed", "huge")
    assert world.orders["Double"].operation == "CreateTrainingJob"


def test_tuning_hands_over_its_best_training_job() -> None:
    world = World(written("v2_tuning"))
    world.turn()
    assert world.orders["Tune"].name.startswith("tune-")
    assert len(world.orders["Tune"].name) <= 32
    world.end("Tune", TrainingJobSummaries=[{"TrainingJobName": "best-one"}, {"TrainingJobName": "other"}])
    model = world.orders["Best-CreateModel"]
    assert (
        model.request["PrimaryContainer"]["ModelDataUrl"] == "s3://pipelines-tests/models/best-one/output/model.tar.gz"
    )
    assert model.name.startswith("best-")
    assert world.run().status == "Succeeded"


# (name, steps, what ends how, log, statuses, status of the execution)
RUNS: list[tuple[str, list[Any], dict[str, str], list[str], dict[str, str | None], str]] = [
    ("one step", [step("A")], {}, ["A"], {"A": "Succeeded"}, "Succeeded"),
    ("by name", [step("B", DependsOn=["A"]), step("A")], {}, ["A", "B"], {"B": "Succeeded"}, "Succeeded"),
    (
        "nothing new begins after a failure",
        [step("A"), step("B", DependsOn=["A"])],
        {"A": "Failed"},
        ["A"],
        {"A": "Failed", "B": None},
        "Failed",
    ),
    (
        "what runs goes on after a failure",
        [step("A"), step("B")],
        {"A": "Failed"},
        ["A", "B"],
        {"A": "Failed", "B": "Succeeded"},
        "Failed",
    ),
    ("a job stopped by hand", [step("A")], {"A": "Stopped"}, ["A"], {"A": "Stopped"}, "Failed"),
    ("fail", [FAIL], {}, [], {"Stop": "Failed"}, "Failed"),
    ("not yet", [step("A", "Lambda")], {}, [], {"A": "Failed"}, "Failed"),
    (
        "the other branch never runs, nor what needs it",
        [condition("C", 1, 1, [step("A")], [step("B")]), step("D", DependsOn=["B"])],
        {},
        ["A"],
        {"C": "Succeeded", "A": "Succeeded", "B": None, "D": None},
        "Succeeded",
    ),
    (
        "branches rejoin behind their condition",
        [condition("C", 1, 2, [step("A")], [step("B")]), step("D", DependsOn=["C"])],
        {},
        ["B", "D"],
        {"A": None, "D": "Succeeded"},
        "Succeeded",
    ),
    (
        "a condition of a condition",
        [condition("C", 1, 1, [condition("E", 1, 2, [step("A")], [step("B")])])],
        {},
        ["B"],
        {"A": None, "B": "Succeeded"},
        "Succeeded",
    ),
    (
        "values that cannot be compared",
        [condition("C", {"Get": "Steps.A.Nothing"}, 1), step("A")],
        {},
        ["A"],
        {"C": "Failed"},
        "Failed",
    ),
]


@pytest.mark.parametrize(("name", "steps", "ends", "log", "statuses", "status"), RUNS, ids=[run[0] for run in RUNS])
def test_runs(
    name: str, steps: list[Any], ends: dict[str, str], log: list[str], statuses: dict[str, str | None], status: str
) -> None:
    world = World(definition(*steps))
    world.turn()
    for each, word in ends.items():
        world.end(each, word)
    decision = world.run()
    assert world.log == log
    assert {each: world.status(each) for each in statuses} == statuses
    assert decision.status == status
    assert not decision.orders


def test_at_most_so_many_steps_run_at_once() -> None:
    world = World(definition(*(step(name) for name in "ABCDE")), replace(EXECUTION, most_parallel=2))
    world.turn()
    assert world.log == ["A", "B"]
    world.end("B")
    assert world.log == ["A", "B", "C"]
    assert world.run().status == "Succeeded"


def test_a_decision_repeated_orders_the_same_thing() -> None:
    """A server that dies after it has ordered, or before it has noted that, makes nothing twice."""
    world = World(definition(step("A", arguments={"Environment": {"at": {"Get": "Execution.StartDateTime"}}})))
    first = world.decide()
    world.runs = dict(first.steps)
    again = world.decide()
    assert again.orders == first.orders
    assert again.orders[0].name.startswith("pipelines-abcdefghijkl-A-")
    assert again.orders[0].request["Environment"] == {"at": "1970-01-01T00:16:40.000Z"}


def test_a_stop_travels_to_what_runs() -> None:
    world = World(definition(step("A"), step("B"), step("C", DependsOn=["A"])))
    world.turn()
    world.execution = replace(world.execution, stopping=True)
    assert world.turn().status == "Stopping"
    assert world.log == ["A", "B", "stop A", "stop B"]
    assert world.end("A", "Stopped").status == "Stopping"
    assert world.end("B", "Completed").status == "Stopped"
    assert (world.status("A"), world.status("B"), world.status("C")) == ("Stopped", "Succeeded", None)


def test_a_stop_before_anything_was_made() -> None:
    world = World(definition(step("A")))
    world.runs = dict(world.decide().steps)
    world.execution = replace(world.execution, stopping=True)
    decision = world.turn()
    assert (decision.status, world.status("A"), world.log) == ("Stopped", "Stopped", [])


def test_a_fail_step_ends_what_runs() -> None:
    world = World(
        definition(step("A"), step("B"), condition("C", {"Get": "Steps.A.TrainingJobStatus"}, "Completed", [FAIL]))
    )
    world.turn()
    world.end("A")
    assert world.log == ["A", "B", "stop B"]
    decision = world.end("B", "Stopped")
    assert (decision.status, decision.failure) == ("Failed", "enough")


def test_a_failure_is_retried_as_its_policy_says() -> None:
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 10, "BackoffRate": 3, "MaxAttempts": 2}
    world = World(definition(step("A", RetryPolicies=[policy])))
    world.turn()
    waits, names = [], []
    for _ in range(2):
        names.append(world.runs["A"].name)
        decision = world.end("A", "Failed", FailureReason="CapacityError: none left")
        assert (decision.status, world.status("A")) == ("Executing", "Starting")
        assert decision.due is not None
        waits.append(decision.due - world.now)
        assert world.turn().orders == ()
        world.now = decision.due
        world.turn()
    assert waits == [10, 30]
    assert world.end("A", "Failed", FailureReason="CapacityError: none left").status == "Failed"
    assert world.runs["A"].attempt == 3
    assert len({*names, world.runs["A"].name}) == 3


@pytest.mark.parametrize(
    ("code", "attempts"), [("ThrottlingException", 6), ("InternalFailure", 6), ("ValidationException", 1)]
)
def test_refused_calls_that_a_repetition_can_help_are_retried_without_being_asked(code: str, attempts: int) -> None:
    world = World(definition(step("A")))
    world.refuse["A"] = Refusal(code, "no")
    decision = world.run()
    assert (decision.status, decision.failure) == ("Failed", FAILED)
    assert world.log == ["A"] * attempts
    assert world.runs["A"].failure == "ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: no"


def test_a_cached_step_is_answered_by_an_earlier_one() -> None:
    text = definition(
        step("A", arguments={"HyperParameters": {"a": "1"}, "RoleArn": "r"}, CacheConfig={"Enabled": True}),
        step("B", arguments={"Environment": {"model": {"Get": "Steps.A.ModelArtifacts.S3ModelArtifacts"}}}),
    )
    shown = {"ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"}}
    world = World(text)
    world.earlier["A"] = [Earlier("arn:x", 500.0, {"HyperParameters": {"a": "1"}}, "arn:job", shown)]
    world.run()
    assert world.log == ["B"]
    assert (world.runs["A"].cached_from, world.runs["A"].arn) == ("arn:x", "arn:job")
    assert world.orders["B"].request["Environment"] == {"model": "s3://b/m"}
    world = World(text)
    world.earlier["A"] = [Earlier("arn:x", 500.0, {"HyperParameters": {"a": "2"}}, "arn:job", shown)]
    world.turn()
    assert world.log == ["A"]
    assert world.runs["A"].differences == ({"member": "HyperParameters.a", "before": "2", "now": "1"},)
    assert world.runs["A"].key == {"HyperParameters": {"a": "1"}}


def test_a_missing_property_file_fails_the_step_that_reads_it() -> None:
    world = World(written("v3_whole"))
    world.turn()
    world.end("Prepare")
    world.end("Train", ModelArtifacts={"S3ModelArtifacts": "s3://b/model.tar.gz"})
    assert world.end("Evaluate").status == "Failed"
    assert (
        world.runs["GoodEnough"].failure
        == "the file s3://pipelines-tests/abcdefghijkl/report.json is not there, or may not be read"
    )


def test_an_experiment_and_a_trial_come_before_the_first_job() -> None:
    world = World(definition(step("A"), step("M", "Model")))
    world.turn()
    assert [(each.create, each.request) for each in world.orders["A"].before] == [
        ("CreateExperiment", {"ExperimentName": "p"}),
        ("CreateTrial", {"ExperimentName": "p", "TrialName": "abcdefghijkl"}),
    ]
    assert world.orders["A"].request["ExperimentConfig"] == {
        "ExperimentName": "p",
        "TrialName": "abcdefghijkl",
        "TrialComponentDisplayName": "A",
    }
    assert not world.orders["M"].before
    world = World(definition(step("A"), PipelineExperimentConfig=None))
    world.turn()
    assert "ExperimentConfig" not in world.orders["A"].request
