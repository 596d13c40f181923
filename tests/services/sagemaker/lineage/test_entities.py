"""What actions and contexts share."""

from __future__ import annotations

from typing import Any

import pytest
from tests.kit.lineage import refused

from sagewright.testing.server import ServerProcess


@pytest.fixture(scope="module")
def sagemaker(server: ServerProcess, client: Any) -> Any:
    return client("sagemaker")


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
