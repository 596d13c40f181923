"""Lists filtered and ordered by what lies in the documents, which no column has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.kit.examples import Stage

from sagewright.bootstrap import load_services
from sagewright.core.errors import ValidationException
from sagewright.nouns import listing
from sagewright.nouns.declaration import Noun, Refusal, check_declaration
from sagewright.nouns.identity import Composite, Generated
from sagewright.nouns.operations import Call
from sagewright.nouns.shape import Shape
from sagewright.store.resources import Resource


def noun(kind: str, **said: Any) -> Noun:
    made = Noun(kind=kind, path=f"{kind.lower()}/{{name}}", taken=Refusal("taken"), missing=Refusal("missing"), **said)
    check_declaration(made)
    return made


def linked(_call: Call, value: Any) -> Callable[[Resource], bool]:
    return lambda resource: resource.name.endswith(value)


MONITORS = noun(
    "DataQualityJobDefinition",
    shape=Shape(
        summary={
            "MonitoringJobDefinitionName": "JobDefinitionName",
            "MonitoringJobDefinitionArn": "JobDefinitionArn",
            "EndpointName": "DataQualityJobInput.EndpointInput.EndpointName",
        },
        filters={"EndpointName": "DataQualityJobInput.EndpointInput.EndpointName"},
    ),
)
CARDS = noun("ModelCard", defaults={"ModelCardStatus": "Draft"})
TRIALS = noun("Trial", shape=Shape(filters={"TrialComponentName": linked}))
FEATURES = noun("FeatureGroup", shape=Shape(filters={"OfflineStoreStatusEquals": "OfflineStoreStatus.Status"}))
SPACES = noun("Space", identity=Composite(("DomainId", "SpaceName")))
QUOTAS = noun("ClusterSchedulerConfig", identity=Generated("ClusterSchedulerConfigId"))
load_services()  # an area refuses members of what it declares: the same whatever other test came first
PIPELINES = noun("Pipeline", shape=Shape(filters={"PipelineNamePrefix": "PipelineName"}))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(listing, "_READ", 3)  # so that pages are read on
    return Stage(tmp_path)


def pages(stage: Stage, noun: Noun, **request: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = listing.list_resources(noun, stage.call(noun.facts.list_operation), request)
        assert noun.facts.listed is not None
        found += answer[noun.facts.listed.member]
        if "NextToken" not in answer:
            return found
        request["NextToken"] = answer["NextToken"]


def create(stage: Stage, noun: Noun, **request: Any) -> Resource:
    return noun.create(stage.call(f"Create{noun.kind}"), request)


def test_a_filter_on_a_nested_member_and_items_with_names_of_their_own(stage: Stage) -> None:
    for number in range(10):
        endpoint = {"EndpointInput": {"EndpointName": "even" if number % 2 == 0 else "odd", "LocalPath": "/x"}}
        create(stage, MONITORS, JobDefinitionName=f"m{number}", DataQualityJobInput=endpoint)
    create(stage, MONITORS, JobDefinitionName="batch", DataQualityJobInput={"BatchTransformInput": {}})
    found = pages(stage, MONITORS, EndpointName="odd", MaxResults=2, SortBy="Name", SortOrder="Ascending")
    assert [each["MonitoringJobDefinitionName"] for each in found] == ["m1", "m3", "m5", "m7", "m9"]
    assert found[0].keys() == {
        "MonitoringJobDefinitionName",
        "MonitoringJobDefinitionArn",
        "CreationTime",
        "EndpointName",
    }
    assert "EndpointName" not in pages(stage, MONITORS, NameContains="batch")[0]


def test_a_status_that_is_the_callers_own_and_one_that_is_a_default(stage: Stage) -> None:
    create(stage, CARDS, ModelCardName="said", ModelCardStatus="Approved")
    create(stage, CARDS, ModelCardName="unsaid")
    named = {status: pages(stage, CARDS, ModelCardStatus=status) for status in ("Approved", "Draft", "Archived")}
    assert {status: [each["ModelCardName"] for each in found] for status, found in named.items()} == {
        "Approved": ["said"],
        "Draft": ["unsaid"],
        "Archived": [],
    }


def test_a_filter_by_what_is_linked(stage: Stage) -> None:
    for number in range(12):
        create(stage, TRIALS, TrialName=f"t{number}", ExperimentName="e" if number else "other")
    found = pages(stage, TRIALS, TrialComponentName="1", MaxResults=1)
    assert [each["TrialName"] for each in found] == ["t11", "t1"]
    assert pages(stage, TRIALS, TrialComponentName="0", ExperimentName="e") == pages(
        stage, TRIALS, TrialComponentName="10"
    )


def test_an_order_by_what_lies_in_the_documents(stage: Stage) -> None:
    for name in ("b", "c", "a", "d", "e"):
        create(stage, QUOTAS, Name=name, ClusterArn="arn", SchedulerConfig={})
    for size in (1, 2, 5, 100):
        up = [each["Name"] for each in pages(stage, QUOTAS, SortBy="Name", SortOrder="Ascending", MaxResults=size)]
        down = [each["Name"] for each in pages(stage, QUOTAS, SortBy="Name", MaxResults=size)]
        assert (up, down) == (["a", "b", "c", "d", "e"], ["e", "d", "c", "b", "a"])
    assert [each["Name"] for each in pages(stage, QUOTAS, NameContains="D")] == ["d"]


def test_what_has_nothing_at_the_path_comes_first_and_is_not_lost_over_pages(stage: Stage) -> None:
    for number, status in enumerate(("Active", None, "Blocked", None)):
        created = create(stage, FEATURES, FeatureGroupName=f"f{number}", FeatureDefinitions=[])
        stage.platform.resources.update(created, status={"OfflineStoreStatus": {"Status": status}} if status else {})
    order = {"SortBy": "FeatureGroupStatus", "SortOrder": "Ascending"}
    assert len(pages(stage, FEATURES, MaxResults=1, **order)) == 4
    assert [each["FeatureGroupName"] for each in pages(stage, FEATURES, OfflineStoreStatusEquals="Blocked")] == ["f2"]


def test_parts_of_a_composite_are_filtered_by(stage: Stage) -> None:
    for domain, space in (("d-1", "one"), ("d-2", "one"), ("d-2", "two")):
        create(stage, SPACES, DomainId=domain, SpaceName=space)
    assert [each["SpaceName"] for each in pages(stage, SPACES, DomainIdEquals="d-2")] == ["two", "one"]
    assert [each["DomainId"] for each in pages(stage, SPACES, SpaceNameContains="ON")] == ["d-2", "d-1"]


def test_a_prefix(stage: Stage) -> None:
    for name in ("train", "retrain", "training"):
        create(stage, PIPELINES, PipelineName=name, PipelineDefinition="{}")
    assert {each["PipelineName"] for each in pages(stage, PIPELINES, PipelineNamePrefix="train")} == {
        "train",
        "training",
    }


def test_a_token_of_another_list_is_refused(stage: Stage) -> None:
    for token in (listing.token_of("x"), "x", listing.token_of(0.5, "x")):
        with pytest.raises(ValidationException, match="Invalid NextToken"):
            pages(stage, QUOTAS, SortBy="Name", NextToken=token)
