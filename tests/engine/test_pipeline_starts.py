"""Starting pipelines for triggers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kit.triggers import PIPELINE, WrittenCalls

from sagewright.core.errors import AwsError
from sagewright.engine.pipeline_starts import PipelineStart, is_pipeline, start, token_of
from sagewright.engine.role_objects import WorkRole
from sagewright.store.database import Database, sqlite_url
from sagewright.store.resources import ResourceStore
from sagewright.store.schema import metadata
from sagewright.testing.clock import FakeClock


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (PIPELINE, True),
        (f"{PIPELINE}/execution/x", False),
        ("arn:aws:sagemaker:us-east-1:1:model/m", False),
        ("arn:aws:lambda:us-east-1:1:pipeline/p", False),
        ("pipeline/p", False),
    ],
)
def test_the_arn_of_a_pipeline_is_told_from_others(arn: str, expected: bool) -> None:
    assert is_pipeline(arn) is expected


def test_a_pipeline_is_started_as_the_role_that_the_service_takes_on(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path))
    metadata.create_all(database.engine)
    trigger = ResourceStore(database, FakeClock()).create(
        account="1", region="us-east-1", kind="Schedule", name="s", arn="arn:s", spec={}
    )
    database.close()
    calls, wanted = WrittenCalls(), PipelineStart(PIPELINE, {"a": "b"}, token_of("x", 1))
    assert start(calls, trigger, ("arn:role", "scheduler.amazonaws.com"), wanted) is None
    ((caller, operation, request),) = calls.made
    assert caller == WorkRole("arn:role", "1", "us-east-1", "arn:s", "scheduler.amazonaws.com")
    assert operation == "StartPipelineExecution"
    assert request["PipelineParameters"] == [{"Name": "a", "Value": "b"}]
    assert len(request["ClientRequestToken"]) >= 32
    calls.error = AwsError("no", code="AccessDeniedException")
    assert start(calls, trigger, ("arn:role", "scheduler.amazonaws.com"), wanted) is calls.error
