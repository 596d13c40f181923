"""Definitions are read whole or refused with a sentence that names step and member."""

from __future__ import annotations

from typing import Any

import pytest
from tests.domain.pipelines.world import DEFINITIONS, condition, definition, step, written

from sagewright.domain.pipelines import definition as definitions
from sagewright.domain.pipelines import graph
from sagewright.domain.pipelines.definition import DefinitionError

COUNT = {"Name": "Count", "Type": "Integer", "DefaultValue": 1}


@pytest.mark.parametrize("path", sorted(DEFINITIONS.glob("*.json")), ids=lambda path: path.stem)
def test_what_sdks_write_is_read(path: Any) -> None:
    read, connected = graph.parse(path.read_text())
    assert set(connected.order) == set(read.steps)


def test_steps_keep_all_that_they_say() -> None:
    read, connected = graph.parse(written("v2_whole"))
    train = read.steps["Train"]
    assert (train.type, train.refers_to, train.branch) == ("Training", {"Prepare"}, None)
    assert train.cache is not None
    assert train.cache.expires_after == 30 * 86400
    assert [policy.exceptions for policy in train.retries] == [
        ("Step.THROTTLING",),
        ("SageMaker.CAPACITY_ERROR", "SageMaker.JOB_INTERNAL_ERROR"),
    ]
    assert read.steps["TooBad"].branch == definitions.Branch("GoodEnough", outcome=False)
    assert connected.before("Config") == {"GoodEnough", "Create-CreateModel"}
    assert connected.upstream("Evaluate") == {"Prepare", "Train"}
    inner = graph.parse(written("v2_conditions"))[0].steps["Inner"]
    assert (inner.display_name, inner.branch) == ("the inner one", definitions.Branch("Outer", outcome=True))


def test_unknown_members_of_steps_are_kept() -> None:
    read, _ = graph.parse(definition(step("A", Newer={"a": 1})))
    assert read.steps["A"].document["Newer"] == {"a": 1}
    assert "B" in graph.parse(definition(step("B", "ForEach", {"Get": "ForEach.CurrentItem"})))[0].steps


def get(text: str) -> dict[str, Any]:
    return {"x": {"Get": text}}


REFUSED: list[tuple[str, str]] = [
    ("no", "is no JSON"),
    ("[1]", "has to be a JSON object"),
    ('{"Version": "2020-12-01", "Steps": [NaN]}', "NaN"),
    ("[" * 100_000, "is no JSON"),
    (" " * (1024 * 1024 + 1), "longer than"),
    ('{"Steps": []}', "Version has to be '2020-12-01'"),
    (definition(), "at least one step"),
    (definition(step("A"), Extra=1), "unknown property 'Extra'"),
    (definition(step("A"), Metadata=[1]), "Metadata"),
    (definition(step("A"), PipelineExperimentConfig={"Other": 1}), "PipelineExperimentConfig"),
    (definition(step("A"), PipelineExperimentConfig={"TrialName": {"Get": "Steps.A.X"}}), "before the first step"),
    (definition(step("A b")), r"Steps[0].Name"),
    (definition(step("A" * 65)), r"Steps[0].Name"),
    (definition({"Name": "A", "Arguments": {}}), "step 'A': Type"),
    (definition({"Name": "A", "Type": "Training"}), "step 'A': Arguments"),
    (definition(step("A"), step("A")), "two steps have the name 'A'"),
    (definition(step("A"), condition("C", 1, 1, [], [step("A")])), "two steps have the name 'A'"),
    (definition(*(step(f"S{number}") for number in range(501))), "500 steps"),
    (definition(step("A", DependsOn=["B"])), "step 'A': DependsOn names 'B'"),
    (definition(step("A", DependsOn=["A"])), "names the step itself"),
    (definition(step("A", DependsOn="B")), "step 'A': DependsOn has to be a list"),
    (definition(step("A", DependsOn=["B"]), step("B", DependsOn=["A"])), "in a cycle"),
    (definition(step("A", arguments=get("Steps.B.X")), step("B", arguments=get("Steps.A.X"))), "in a cycle"),
    (definition(step("A", DependsOn=["C"]), condition("C", {"Get": "Steps.A.X"}, 1)), "in a cycle"),
    (definition(step("A", arguments=get("Steps.B.X"))), "step 'A': Arguments.x: 'Steps.B.X': there is no step 'B'"),
    (definition(step("A", arguments=get("Steps.A.X"))), "in a cycle"),
    (definition(step("A", arguments=get("Steps.A"))), "names no property"),
    (definition(step("A", arguments=get("Parameters.P"))), "there is no parameter 'P'"),
    (definition(step("A", arguments=get("Execution.Nothing"))), "'Execution.Nothing' is unknown"),
    (definition(step("A", arguments=get("Nothing"))), "'Nothing' names nothing"),
    (definition(step("A", arguments=get("Steps..X"))), "is not a path"),
    (definition(step("A", arguments={"x": {"Std:Other": 1}})), "the function 'Std:Other' is unknown"),
    (definition(step("A", arguments={"x": {"Std:Join": {"On": "/"}}})), "Std:Join needs"),
    (definition(step("A", arguments={"x": {"Std:JsonGet": {"Path": "a"}}})), "either 'PropertyFile' or 'S3Uri'"),
    (definition(step("A", DisplayName="a" * 257)), "DisplayName"),
    (definition(step("A", CacheConfig={"Enabled": "yes"})), "CacheConfig"),
    (definition(step("A", CacheConfig={"Enabled": True, "ExpireAfter": "soon"})), "'soon' is no duration"),
    (definition(step("A", RetryPolicies=[{"ExceptionType": ["Any"]}])), r"RetryPolicies[0].ExceptionType"),
    (definition(step("E", "Endpoint", RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"]}])), "cannot be retried"),
    (definition(step("A", PropertyFiles=[{}])), "belong to steps of type Processing"),
    (definition(step("P", "Processing", PropertyFiles=[{}])), r"PropertyFiles[0] needs"),
    (definition(step("C", "Condition", {"Conditions": []})), "step 'C': Conditions has to be a list of at least one"),
    (definition(step("C", "Condition", {"Conditions": [{"Type": "Near"}]})), r"Conditions[0].Type 'Near' is unknown"),
    (
        definition(step("C", "Condition", {"Conditions": [{"Type": "Not", "Expression": 1}]})),
        "Condition is missing",
    ),
    (
        definition(
            step("C", "Condition", {"Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 1, "x": 1}]})
        ),
        "unknown property 'x'",
    ),
    (definition(step("F", "Fail"), step("A", arguments=get("Steps.F.X"))), "is of type Fail"),
    (
        definition(
            step("P", "Processing"),
            step(
                "A", arguments={"x": {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.P.PropertyFiles.F"}, "Path": "a"}}}
            ),
        ),
        "has no property file 'F'",
    ),
    (definition(step("A"), Parameters=[COUNT, COUNT]), "declared twice"),
    (definition(step("A"), Parameters=[{"Name": "P", "Type": "Date"}]), "the parameter 'P': Type"),
    (definition(step("A"), Parameters=[{**COUNT, "DefaultValue": "1"}]), "is no Integer"),
    (definition(step("A"), Parameters=[{**COUNT, "DefaultValue": True}]), "is no Integer"),
    (definition(step("A"), Parameters=[{**COUNT, "EnumValues": [2, 3]}]), "none of EnumValues"),
    (definition(step("A"), Parameters=[{"Name": f"P{n}", "Type": "String"} for n in range(201)]), "200 are allowed"),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_wrong_definitions_are_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(DefinitionError) as refusal:
        graph.parse(text)
    assert sentence.lower() in str(refusal.value).lower()
    assert str(refusal.value).startswith("Unable to parse pipeline definition. ")


def test_conditions_may_not_be_nested_without_end() -> None:
    nested: dict[str, Any] = step("A")
    for number in range(40):
        nested = condition(f"C{number}", 1, 1, [nested])
    with pytest.raises(DefinitionError, match="more than 32 deep"):
        graph.parse(definition(nested))
