"""What the model says of a kind, what a declaration may say besides, and what fails at import."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.bootstrap import load_services
from sagewright.nouns.declaration import Noun, Refusal, check_declaration
from sagewright.nouns.identity import Generated
from sagewright.nouns.shape import DeclarationError, Facts, Filter, Shape

load_services()


def facts(kind: str, path: str = "x/{name}", **said: Any) -> Facts:
    noun = Noun(kind=kind, path=path, taken=Refusal(""), missing=Refusal(""), **said)
    check_declaration(noun)
    return noun.facts


def test_by_rule_names_come_from_the_kind() -> None:
    found = facts("NotebookInstance", words={"ready": "InService"}, shape=Shape(filters=NOTEBOOK_FILTERS))
    assert (found.arn_member, found.status_member) == ("NotebookInstanceArn", "NotebookInstanceStatus")
    assert found.list_operation == "ListNotebookInstances"
    assert sorted(found.operations) == ["Create", "Delete", "Describe", "Start", "Stop", "Update"]
    assert facts("CodeRepository").list_operation == "ListCodeRepositories"


NOTEBOOK_FILTERS = {
    "NotebookInstanceLifecycleConfigNameContains": "NotebookInstanceLifecycleConfigName",
    "DefaultCodeRepositoryContains": "DefaultCodeRepository",
    "AdditionalCodeRepositoryEquals": "AdditionalCodeRepositories",
}


def test_where_the_model_departs_from_the_rule_its_own_names_are_taken() -> None:
    assert facts("DataQualityJobDefinition", shape=DEFINITIONS).arn_member == "JobDefinitionArn"
    assert facts("InferenceExperiment").arn_member == "Arn"
    workteam = facts("Workteam")
    assert (workteam.within, workteam.arn_member) == ("Workteam", "WorkteamArn")
    assert workteam.times == {"created": "CreateDate", "modified": "LastUpdatedDate"}


DEFINITIONS = Shape(
    summary={
        "MonitoringJobDefinitionName": "JobDefinitionName",
        "MonitoringJobDefinitionArn": "JobDefinitionArn",
        "EndpointName": "DataQualityJobInput.EndpointInput.EndpointName",
    },
    filters={"EndpointName": "DataQualityJobInput.EndpointInput.EndpointName"},
)


def test_each_filter_and_order_of_a_list_is_matched() -> None:
    listed = facts("NotebookInstance", words={"ready": "InService"}, shape=Shape(filters=NOTEBOOK_FILTERS)).listed
    assert listed is not None
    assert listed.filters["StatusEquals"] == Filter("shown")
    assert listed.filters["NameContains"] == Filter("name_contains")
    assert listed.filters["LastModifiedTimeAfter"] == Filter("modified_after")
    assert listed.filters["DefaultCodeRepositoryContains"] == Filter(path="DefaultCodeRepository", test="Contains")
    assert listed.filters["AdditionalCodeRepositoryEquals"].test == "Equals"
    assert listed.orders == {"Name": "name", "CreationTime": "created", "Status": "shown"}


def test_a_filter_on_a_member_of_describe_needs_no_word() -> None:
    listed = facts("StudioLifecycleConfig").listed
    assert listed is not None
    assert listed.filters["AppTypeEquals"] == Filter(path="StudioLifecycleConfigAppType")
    listed = facts("ModelCard").listed
    assert listed is not None
    assert listed.filters["ModelCardStatus"] == Filter(path="ModelCardStatus")
    image = facts("Image").listed
    assert image is not None
    assert image.orders == {"CREATION_TIME": "created", "LAST_MODIFIED_TIME": "modified", "IMAGE_NAME": "name"} | {
        "CreationTime": "created"
    }


@pytest.mark.parametrize(
    ("kind", "said", "named"),
    [
        ("Endpoint", {"words": {"ready": "Going"}}, "EndpointStatus is never Going"),
        ("Model", {"words": {"ready": "InService"}}, r"none of ModelStatus, Status: Shape\(status=…\)"),
        ("Model", {"defaults": {"Colour": "red"}}, "the default Colour is not in Describe's answer"),
        ("Model", {"path": "model/x"}, r"the path model/x has no \{name\}"),
        ("Model", {"shape": Shape(arn="ModelURN")}, "none of ModelURN"),
        ("Model", {"shape": Shape(listed_by="ListModelz")}, "no operation ListModelz"),
        ("Model", {"shape": Shape(filters={"Colour": "ModelName"})}, "ListModels has no filter Colour"),
        ("Model", {"shape": Shape(summary={"Colour": "ModelName"})}, "ListModels shows Colour"),
        ("Model", {"shape": Shape(order="Size")}, "ListModels has no order Size"),
        ("DataQualityJobDefinition", {}, "nothing is known of .*EndpointName"),
        ("StudioLifecycleConfig", {"shape": Shape(filters={"AppTypeEquals": "Type"})}, "is on Type, which Describe"),
        ("Cluster", {}, "nothing is known of ListClusters's TrainingPlanArn"),
        ("Modl", {}, "sagemaker has no operation DescribeModl"),
    ],
)
def test_what_the_model_lacks_fails_naming_it(kind: str, said: dict[str, Any], named: str) -> None:
    with pytest.raises(DeclarationError, match=named):
        facts(kind, **said)


def test_a_generated_name_is_no_column_to_look_for_a_part_of_a_given_one() -> None:
    listed = facts("CompilationJob", identity=Generated("CompilationJobName")).listed
    assert listed is not None
    assert listed.filters["NameContains"] == Filter(path="CompilationJobName", test="Contains")
    assert listed.orders["Name"] == ".CompilationJobName"
