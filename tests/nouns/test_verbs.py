"""The verbs that every noun has: what they refuse, and that a noun gets those that the model has."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kit.examples import Stage, all_examples, served

from sagewright.core.errors import AwsError
from sagewright.nouns.operations import find
from sagewright.store.resources import Change


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A processing job that waits, and a model."""
    stage = Stage(tmp_path)
    for operation, request in all_examples():
        if operation == "CreateProcessingJob" or (request.get("ModelName") == "example" and operation == "CreateModel"):
            stage.carry_out(operation, request)
    return stage


def ask(stage: Stage, operation: str, **request: str) -> object:
    found = find("sagemaker", operation)
    assert found is not None
    return found.handler(stage.call(operation), request)


def move(stage: Stage, phase: str, due: float | None) -> None:
    resources = stage.platform.resources
    made = resources.get("123456789012", "us-east-1", "ProcessingJob", "example")
    assert made is not None
    leased = resources.lease("test", made.id, 60)
    assert leased is not None
    resources.apply("test", leased, Change(due=due, phase=phase))


def test_a_noun_has_the_verbs_of_its_lifecycle() -> None:
    assert [name for name in served("") if name.endswith("EndpointConfig")] == [
        "CreateEndpointConfig",
        "DeleteEndpointConfig",
        "DescribeEndpointConfig",
    ]
    assert [name for name in served("") if name.endswith("ProcessingJob")] == [
        "CreateProcessingJob",
        "DeleteProcessingJob",
        "DescribeProcessingJob",
        "StopProcessingJob",
    ]


def test_work_is_deleted_only_when_it_has_ended_and_is_cleaned_up(stage: Stage) -> None:
    with pytest.raises(AwsError, match="is in status InProgress: stop it") as refused:
        ask(stage, "DeleteProcessingJob", ProcessingJobName="example")
    assert refused.value.code == "ResourceInUse"
    move(stage, "succeeded", due=stage.platform.clock.now())
    with pytest.raises(AwsError, match="is in status Completed"):
        ask(stage, "DeleteProcessingJob", ProcessingJobName="example")
    move(stage, "succeeded", due=None)
    ask(stage, "DeleteProcessingJob", ProcessingJobName="example")
    with pytest.raises(AwsError, match="Requested resource not found"):
        ask(stage, "DescribeProcessingJob", ProcessingJobName="example")


def test_what_has_ended_is_not_stopped_again(stage: Stage) -> None:
    ask(stage, "StopProcessingJob", ProcessingJobName="example")
    ask(stage, "StopProcessingJob", ProcessingJobName="example")
    move(stage, "stopped", due=None)
    with pytest.raises(AwsError, match="the processing job is in status Stopped"):
        ask(stage, "StopProcessingJob", ProcessingJobName="example")


def test_what_does_not_work_is_deleted_at_once_and_its_tags_with_it(stage: Stage) -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model/example"
    assert stage.platform.tags.of(arn) == {"k": "v"}
    ask(stage, "DeleteModel", ModelName="example")
    assert stage.platform.tags.of(arn) == {}
    with pytest.raises(AwsError, match=f'Could not find model "{arn}"'):
        ask(stage, "DeleteModel", ModelName="example")
