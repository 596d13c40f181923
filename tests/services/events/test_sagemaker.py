"""SageMaker's events, made of changes and of what Describe would say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.kit.triggers import START, RuleBench, WrittenCalls

from sagewright.bootstrap import load_services
from sagewright.core.errors import ValidationException
from sagewright.services.events._reader import RuleReader
from sagewright.services.events._sagemaker import SageMakerEvents
from sagewright.store.changes import ChangeRecord, Position, Verb

load_services()
ARN = "arn:aws:sagemaker:us-east-1:1"


def change(kind: str, arn: str, verb: Verb = "moved", before: str = "", after: str = "", seq: int = 1) -> ChangeRecord:
    name = arn.rpartition("/")[2]
    return ChangeRecord(
        Position(0, seq), START, "123456789012", "us-east-1", kind, "id-1", f"{ARN}:{arn}", name, verb, before, after
    )


def events(record: ChangeRecord, **answers: dict[str, Any]) -> list[dict[str, Any]]:
    return list(SageMakerEvents(WrittenCalls(answers=answers)).of(record))


def test_a_job_is_told_as_describe_says_it() -> None:
    described = {"TrainingJobName": "j", "TrainingJobStatus": "Completed", "CreationTime": START, "odd": 1}
    (event,) = events(change("TrainingJob", "training-job/j", after="running"), DescribeTrainingJob=described)
    assert event["detail-type"] == "SageMaker Training Job State Change"
    assert (event["source"], event["account"], event["region"]) == ("aws.sagemaker", "123456789012", "us-east-1")
    assert (event["time"], event["resources"]) == ("2024-01-01T00:00:00Z", [f"{ARN}:training-job/j"])
    assert event["detail"] == {
        "TrainingJobName": "j",
        "TrainingJobStatus": "InProgress",
        "CreationTime": int(START * 1000),
    }, "the status is that of the change, times are milliseconds"


def test_the_same_change_makes_the_same_event() -> None:
    record = change("TrainingJob", "training-job/j", after="running")
    (one,), (two,) = (events(record, DescribeTrainingJob={}) for _ in range(2))
    (other,) = events(record._replace(position=Position(0, 2)), DescribeTrainingJob={})
    assert one["id"] == two["id"] != other["id"]


def test_an_endpoint_is_told_in_capitals() -> None:
    described = {"EndpointName": "e", "EndpointStatus": "InService"}
    (event,) = events(change("Endpoint", "endpoint/e", before="starting", after="ready"), DescribeEndpoint=described)
    assert event["detail"]["EndpointStatus"] == "IN_SERVICE"


def test_a_package_is_told_when_its_approval_changes() -> None:
    calls = WrittenCalls(answers={"DescribeModelPackage": {"ModelApprovalStatus": "PendingManualApproval"}})
    told = SageMakerEvents(calls)
    record = change("ModelPackage", "model-package/g/1", "created", after="ready")
    assert len(list(told.of(record))) == 1
    assert list(told.of(record._replace(verb="updated"))) == []
    calls.answers["DescribeModelPackage"] = {"ModelApprovalStatus": "Approved"}
    (event,) = told.of(record._replace(verb="updated"))
    assert event["detail"] == {"ModelApprovalStatus": "Approved"}
    assert calls.made[0][2] == {"ModelPackageName": f"{ARN}:model-package/g/1"}


def test_an_execution_is_told_with_its_steps_each_status_once() -> None:
    arn = "pipeline/p/execution/x"
    steps = [
        {
            "StepName": "train",
            "StepType": "Training",
            "StepStatus": "Executing",
            "StartTime": START,
            "Metadata": {"TrainingJob": {"Arn": "arn:job"}},
        }
    ]
    answers = {
        "DescribePipelineExecution": {"PipelineExecutionStatus": "Executing", "CreationTime": START},
        "ListPipelineExecutionSteps": {"PipelineExecutionSteps": steps},
    }
    told = SageMakerEvents(WrittenCalls(answers=answers))
    step, execution = told.of(change("PipelineExecution", arn))
    assert step["detail-type"] == "SageMaker Model Building Pipeline Execution Step Status Change"
    assert step["detail"]["currentStepStatus"] == "Executing"
    assert step["detail"]["stepStartTime"] == "2024-01-01T00:00:00Z"
    assert execution["detail-type"] == "SageMaker Model Building Pipeline Execution Status Change"
    assert execution["detail"]["currentPipelineExecutionStatus"] == "Executing"
    assert execution["resources"] == [f"{ARN}:pipeline/p", f"{ARN}:{arn}"]
    assert list(told.of(change("PipelineExecution", arn, "updated"))) == []
    steps[0]["StepStatus"] = "Succeeded"
    (step,) = told.of(change("PipelineExecution", arn, "updated"))
    assert (step["detail"]["previousStepStatus"], step["detail"]["currentStepStatus"]) == ("Executing", "Succeeded")


@pytest.mark.parametrize("record", [change("Model", "model/m"), change("Endpoint", "endpoint/e", "deleted")])
def test_other_kinds_and_deletions_are_not_told(record: ChangeRecord) -> None:
    assert events(record) == []


def test_what_is_gone_is_not_told() -> None:
    gone = WrittenCalls(error=ValidationException("Requested resource not found."))
    assert list(SageMakerEvents(gone).of(change("TrainingJob", "training-job/j"))) == []


def test_an_approved_package_starts_the_pipeline_of_a_rule(bench: RuleBench) -> None:
    """A change that is read twice starts it once."""
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelApprovalStatus": ["Approved"]},
    }
    values = {"PipelineParameterList": [{"Name": "Package", "Value": "$.detail.ModelPackageArn"}]}
    bench.rule("deploy", {"SageMakerPipelineParameters": values}, EventPattern=json.dumps(pattern))
    bench.calls.answers["DescribeModelPackage"] = {
        "ModelApprovalStatus": "Approved",
        "ModelPackageArn": f"{ARN}:model-package/g/1",
    }
    record = change("ModelPackage", "model-package/g/1", "updated", after="ready")._replace(account="1")
    for _ in range(2):  # as by two servers, neither of which knows what the other told
        RuleReader(SageMakerEvents(bench.calls), bench.deliveries).read(record)
        bench.look()
    tokens = {request["ClientRequestToken"] for request in bench.calls.started}
    assert len(tokens) == 1
    assert bench.calls.started[0]["PipelineParameters"] == [{"Name": "Package", "Value": f"{ARN}:model-package/g/1"}]


def test_nothing_is_described_where_no_rule_listens(bench: RuleBench) -> None:
    bench.rule("timed", EventPattern="", ScheduleExpression="rate(1 day)")
    RuleReader(SageMakerEvents(bench.calls), bench.deliveries).read(change("TrainingJob", "training-job/j"))
    assert bench.calls.made == []
