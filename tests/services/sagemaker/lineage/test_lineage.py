"""Artifacts, actions and contexts, what they have to do with one another, and the questions about that."""

from __future__ import annotations

from itertools import chain, pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sagewright.testing.server import ServerProcess


@pytest.fixture(scope="module")
def sagemaker(server: ServerProcess, client: Any) -> Any:
    return client("sagemaker")


def artifact(sagemaker: Any, uri: str, kind: str = "DataSet", **more: Any) -> str:
    return str(sagemaker.create_artifact(Source={"SourceUri": uri}, ArtifactType=kind, **more)["ArtifactArn"])


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_there_is_one_artifact_of_a_source(sagemaker: Any) -> None:
    first = artifact(sagemaker, "s3://one/x", ArtifactName="n", Properties={"a": "1"})
    assert artifact(sagemaker, "s3://one/x", "Other") == first
    described = sagemaker.describe_artifact(ArtifactArn=first)
    assert (described["ArtifactType"], described["ArtifactName"]) == ("DataSet", "n")
    assert described["CreatedBy"]["IamIdentity"]["Arn"].startswith("arn:aws:")
    (found,) = sagemaker.list_artifacts(SourceUri="s3://one/x")["ArtifactSummaries"]
    assert found["ArtifactArn"] == first
    assert sagemaker.delete_artifact(Source={"SourceUri": "s3://one/x"})["ArtifactArn"] == first
    assert refused(sagemaker.describe_artifact, ArtifactArn=first)[0] == "ResourceNotFound"


def test_properties_are_merged_and_removed(sagemaker: Any) -> None:
    arn = artifact(sagemaker, "s3://one/properties", Properties={"a": "1", "b": "2"})
    sagemaker.update_artifact(ArtifactArn=arn, Properties={"b": "3", "c": "4"}, PropertiesToRemove=["a"])
    assert sagemaker.describe_artifact(ArtifactArn=arn)["Properties"] == {"b": "3", "c": "4"}
    many = {str(n): "v" for n in range(29)}
    assert refused(sagemaker.update_artifact, ArtifactArn=arn, Properties=many)[0] == "ValidationException"


@pytest.mark.parametrize("kind", ["action", "context"])
def test_actions_and_contexts_are_found_by_their_source_and_type(sagemaker: Any, kind: str) -> None:
    name, noun = f"find-{kind}", kind.capitalize()
    request = {f"{noun}Name": name, f"{noun}Type": "Mine", "Source": {"SourceUri": f"arn:aws:x::{kind}"}}
    arn = getattr(sagemaker, f"create_{kind}")(**request)[f"{noun}Arn"]
    listed = getattr(sagemaker, f"list_{kind}s")
    for wanted in ({"SourceUri": f"arn:aws:x::{kind}"}, {f"{noun}Type": "Mine"}):
        assert [each[f"{noun}Arn"] for each in listed(**wanted)[f"{noun}Summaries"]] == [arn]
    assert listed(SourceUri="s3://nothing")[f"{noun}Summaries"] == []
    assert refused(getattr(sagemaker, f"create_{kind}"), **request)[0] == "ResourceInUse"
    getattr(sagemaker, f"update_{kind}")(**{f"{noun}Name": name}, Description="d")
    assert getattr(sagemaker, f"describe_{kind}")(**{f"{noun}Name": name})["Description"] == "d"
    assert getattr(sagemaker, f"delete_{kind}")(**{f"{noun}Name": name})[f"{noun}Arn"] == arn


def test_associations_are_listed_by_ends_types_and_words(sagemaker: Any) -> None:
    data, model = artifact(sagemaker, "s3://a/data"), artifact(sagemaker, "s3://a/model", "Model")
    context = sagemaker.create_context(ContextName="a", ContextType="Endpoint", Source={"SourceUri": "s3://a"})
    end = context["ContextArn"]
    sagemaker.add_association(SourceArn=data, DestinationArn=model, AssociationType="DerivedFrom")
    sagemaker.add_association(SourceArn=model, DestinationArn=end)
    sagemaker.add_association(SourceArn=model, DestinationArn=end)

    def listed(**wanted: Any) -> list[tuple[str, str]]:
        found = sagemaker.list_associations(**wanted)["AssociationSummaries"]
        return [(each["SourceArn"], each["DestinationArn"]) for each in found]

    for wanted in (
        {"SourceArn": data},
        {"DestinationArn": model},
        {"DestinationArn": model, "SourceType": "DataSet"},
        {"SourceArn": data, "DestinationType": "Artifact"},
        {"SourceArn": data, "AssociationType": "DerivedFrom"},
    ):
        assert listed(**wanted) == [(data, model)], wanted
    assert listed(SourceArn=model, DestinationType="Context") == [(model, end)]
    assert listed(SourceArn=model, DestinationType="Action") == []
    summary = sagemaker.list_associations(SourceArn=model)["AssociationSummaries"][0]
    assert (summary["DestinationName"], summary["SourceType"], summary["AssociationType"]) == (
        "a",
        "Model",
        "AssociatedWith",
    )
    sagemaker.delete_association(SourceArn=model, DestinationArn=end)
    assert listed(SourceArn=model) == []
    assert refused(sagemaker.delete_association, SourceArn=model, DestinationArn=end)[0] == "ResourceNotFound"
    sagemaker.delete_artifact(ArtifactArn=model)
    assert listed(SourceArn=data) == []


def test_associations_come_in_pages(sagemaker: Any) -> None:
    hub = artifact(sagemaker, "s3://pages/hub")
    leaves = [artifact(sagemaker, f"s3://pages/{n}") for n in range(7)]
    for leaf in leaves:
        sagemaker.add_association(SourceArn=hub, DestinationArn=leaf)
    pages = sagemaker.get_paginator("list_associations").paginate(
        SourceArn=hub, DestinationType="Artifact", PaginationConfig={"PageSize": 3}
    )
    found = [[each["DestinationArn"] for each in page["AssociationSummaries"]] for page in pages]
    assert list(map(len, found)) == [3, 3, 1]
    assert sorted(chain.from_iterable(found)) == sorted(leaves)


def test_what_is_no_entity_is_not_associated(sagemaker: Any) -> None:
    data = artifact(sagemaker, "s3://b/data")
    other = data.replace("artifact/", "model/")
    assert refused(sagemaker.add_association, SourceArn=data, DestinationArn=other)[0] == "ValidationException"
    assert refused(sagemaker.add_association, SourceArn=data, DestinationArn=data)[0] == "ValidationException"
    gone = f"{data[:-4]}0000"
    assert refused(sagemaker.add_association, SourceArn=data, DestinationArn=gone)[0] == "ResourceNotFound"


def test_a_query_walks_both_ways_and_filters(sagemaker: Any) -> None:
    steps = [artifact(sagemaker, f"s3://q/{n}", "Model" if n % 2 else "DataSet") for n in range(6)]
    for source, destination in pairwise(steps):
        sagemaker.add_association(SourceArn=source, DestinationArn=destination)

    def query(start: str, **more: Any) -> list[str]:
        return [each["Arn"] for each in sagemaker.query_lineage(StartArns=[start], **more)["Vertices"]]

    assert query(steps[2], Direction="Descendants") == steps[3:]
    assert query(steps[2], Direction="Ascendants") == [steps[1], steps[0]]
    assert sorted(query(steps[2])) == sorted(each for each in steps if each != steps[2])
    assert query(steps[0], Direction="Descendants", MaxDepth=2) == steps[1:3]
    models = query(steps[0], Direction="Descendants", Filters={"Types": ["Model"], "LineageTypes": ["Artifact"]})
    assert models == [steps[1], steps[3], steps[5]]
    assert query(steps[0], Filters={"LineageTypes": ["Context"]}) == []
    whole = sagemaker.query_lineage(StartArns=[steps[0]], Direction="Descendants")
    assert [each["SourceArn"] for each in whole["Edges"]] == steps[:-1]
    assert sagemaker.query_lineage(StartArns=[steps[0]], IncludeEdges=False)["Edges"] == []
    first = sagemaker.query_lineage(StartArns=[steps[0]], Direction="Descendants", MaxResults=3)
    rest = query(steps[0], Direction="Descendants", MaxResults=3, NextToken=first["NextToken"])
    assert [each["Arn"] for each in first["Vertices"]] + rest == steps[1:]


def test_a_circle_ends(sagemaker: Any) -> None:
    one, two = artifact(sagemaker, "s3://circle/1"), artifact(sagemaker, "s3://circle/2")
    sagemaker.add_association(SourceArn=one, DestinationArn=two)
    sagemaker.add_association(SourceArn=two, DestinationArn=one)
    found = sagemaker.query_lineage(StartArns=[one])
    assert [each["Arn"] for each in found["Vertices"]] == [two]
