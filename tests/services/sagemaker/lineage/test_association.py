"""What entities have to do with one another."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from tests.kit.lineage import artifact, refused

from sagewright.testing.server import ServerProcess


@pytest.fixture(scope="module")
def sagemaker(server: ServerProcess, client: Any) -> Any:
    return client("sagemaker")


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
