"""What an entity came from, and what came from it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from tests.kit.lineage import artifact

from sagewright.testing.server import ServerProcess


@pytest.fixture(scope="module")
def sagemaker(server: ServerProcess, client: Any) -> Any:
    return client("sagemaker")


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
