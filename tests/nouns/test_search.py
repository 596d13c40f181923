"""Search through boto3: names, operators, lists, expressions, order and pages over kinds that are declared."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.eventually import eventually
from tests.kit.jobs import ENDED, PYTHON, ROLE

PREFIX = f"found-{uuid.uuid4().hex[:6]}"
ETAS = {"a": "0.1", "b": "0.3", "c": "0.30", "d": "10"}


@pytest.fixture(scope="module")
def sagemaker(client: Callable[..., Any]) -> Any:
    """Four training jobs that end quickly, with one metric each, and a model."""
    caller, s3 = client("sagemaker"), client("s3")
    s3.create_bucket(Bucket=PREFIX)
    s3.put_object(Bucket=PREFIX, Key="data/x.csv", Body="1\n")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{PREFIX}/data"}}
    for number, (name, eta) in enumerate(ETAS.items()):
        caller.create_training_job(
            TrainingJobName=f"{PREFIX}-{name}",
            AlgorithmSpecification={
                "TrainingImage": PYTHON,
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["/bin/echo", f"loss={number};"],
                "MetricDefinitions": [{"Name": "val:loss", "Regex": "loss=(.*);"}],
            },
            HyperParameters={"eta": eta, "dotted.name": "yes", **({"only": "b"} if name == "b" else {})},
            InputDataConfig=[
                {"ChannelName": "train", "DataSource": source, "ContentType": "text/csv"},
                {"ChannelName": f"extra-{name}", "DataSource": source},
            ],
            RoleArn=ROLE,
            OutputDataConfig={"S3OutputPath": f"s3://{PREFIX}/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": number + 1},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
            Tags=[{"Key": "team", "Value": "red" if number % 2 else "blue"}, {"Key": "run", "Value": PREFIX}],
        )
    caller.create_model(ModelName=f"{PREFIX}-model", PrimaryContainer={"Image": PYTHON}, ExecutionRoleArn=ROLE)

    def ended() -> bool:
        jobs = [caller.describe_training_job(TrainingJobName=f"{PREFIX}-{name}") for name in ETAS]
        return all(job["TrainingJobStatus"] in ENDED for job in jobs)

    eventually(ended, what=lambda: "the jobs do not end", seconds=60)
    return caller


def names(sagemaker: Any, *filters: tuple[str, ...], **more: Any) -> str:
    """The last letters of the jobs found, in the order of their names unless sorted otherwise."""
    expression = more.pop("expression", {})
    listed = [{"Name": "TrainingJobName", "Operator": "Contains", "Value": PREFIX}]
    listed += [dict(zip(("Name", "Operator", "Value"), each, strict=False)) for each in filters]
    whole = {"Filters": listed, **({"SubExpressions": [expression]} if expression else {})}
    order = {"SortBy": "TrainingJobName", "SortOrder": "Ascending"}
    found = sagemaker.search(Resource="TrainingJob", SearchExpression=whole, **{**order, **more})
    return "".join(each["TrainingJob"]["TrainingJobName"][-1] for each in found["Results"])


def test_a_result_is_the_whole_description_with_tags(sagemaker: Any) -> None:
    condition = {"Name": "TrainingJobName", "Value": f"{PREFIX}-b"}
    answer = sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": [condition]})
    assert answer["TotalHits"] == {"Value": 1, "Relation": "EqualTo"}
    (found,) = answer["Results"]
    job = found["TrainingJob"]
    described = sagemaker.describe_training_job(TrainingJobName=f"{PREFIX}-b")
    del described["ResponseMetadata"]
    del described["ProfilingStatus"]  # which the model's record does not have
    assert {key: value for key, value in job.items() if key != "Tags"} == described
    assert {each["Key"]: each["Value"] for each in job["Tags"]} == {"team": "red", "run": PREFIX}


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (("HyperParameters.eta", "Equals", "0.3"), "bc"),
        (("HyperParameters.eta", "NotEquals", "0.3"), "ad"),
        (("HyperParameters.eta", "GreaterThan", "0.3"), "d"),
        (("HyperParameters.eta", "GreaterThanOrEqualTo", "0.3"), "bcd"),
        (("HyperParameters.eta", "LessThan", "0.3"), "a"),
        (("HyperParameters.eta", "LessThanOrEqualTo", "0.3"), "abc"),
        (("HyperParameters.dotted.name", "Equals", "yes"), "abcd"),
        (("HyperParameters.only", "Exists"), "b"),
        (("HyperParameters.only", "NotExists"), "acd"),
        (("HyperParameters.only", "NotEquals", "b"), "acd"),
        (("Tags.team", "Equals", "red"), "bd"),
        (("Tags.team", "In", "green, blue"), "ac"),
        (("Metrics.val:loss", "LessThan", "1.5"), "ab"),
        (("Metrics.val:loss.Last", "GreaterThanOrEqualTo", "2"), "cd"),
        (("Metrics.val:loss.Max", "Exists"), ""),
        (("ResourceConfig.VolumeSizeInGB", "GreaterThan", "2"), "cd"),
        (("TrainingJobStatus", "Equals", "Completed"), "abcd"),
        (("SecondaryStatusTransitions.Status", "Equals", "Uploading"), "abcd"),
        (("InputDataConfig.ChannelName", "Equals", "extra-c"), "c"),
        (("InputDataConfig.DataSource.S3DataSource.S3Uri", "Contains", "/data"), "abcd"),
        (("FailureReason", "Exists"), ""),
    ],
    ids=" ".join,
)
def test_operators_on_properties(sagemaker: Any, condition: tuple[str, ...], found: str) -> None:
    assert names(sagemaker, condition) == found


def test_times_are_compared_as_times(sagemaker: Any) -> None:
    now = datetime.now(UTC)
    later = now + timedelta(hours=1)
    for text in (later.isoformat(), later.strftime("%Y-%m-%dT%H:%M:%S")):
        assert names(sagemaker, ("CreationTime", "LessThanOrEqualTo", text)) == "abcd"
    earlier = (now - timedelta(hours=1)).isoformat()
    assert names(sagemaker, ("CreationTime", "LessThan", earlier)) == ""


def test_expressions_nest(sagemaker: Any) -> None:
    low = {"Filters": [{"Name": "HyperParameters.eta", "Operator": "LessThan", "Value": "0.2"}]}
    high = {"Filters": [{"Name": "HyperParameters.eta", "Operator": "GreaterThan", "Value": "5"}]}
    assert names(sagemaker, expression={"SubExpressions": [low, high], "Operator": "Or"}) == "ad"
    assert names(sagemaker, expression={"SubExpressions": [low, high], "Operator": "And"}) == ""
    channel = {"Name": "InputDataConfig.ChannelName", "Operator": "Equals", "Value": "extra-b"}
    kind = {"Name": "InputDataConfig.ContentType", "Operator": "Equals", "Value": "text/csv"}
    both = {"NestedPropertyName": "InputDataConfig", "Filters": [channel, kind]}
    assert names(sagemaker, ("InputDataConfig.ChannelName", "Equals", "extra-b")) == "b"
    assert names(sagemaker, expression={"NestedFilters": [both]}) == "", "no one channel satisfies both"
    both["Filters"] = [{**channel, "Value": "train"}, kind]
    assert names(sagemaker, expression={"NestedFilters": [both]}) == "abcd"


def test_changes_after_a_search_are_seen(sagemaker: Any) -> None:
    assert names(sagemaker, ("Tags.late", "Exists")) == ""
    arn = sagemaker.describe_training_job(TrainingJobName=f"{PREFIX}-c")["TrainingJobArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "late", "Value": "yes"}])
    assert names(sagemaker, ("Tags.late", "Equals", "yes")) == "c"
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["late"])
    assert names(sagemaker, ("Tags.late", "Exists")) == ""
    sagemaker.create_model(ModelName=f"{PREFIX}-brief", PrimaryContainer={"Image": PYTHON}, ExecutionRoleArn=ROLE)
    brief = {"Filters": [{"Name": "ModelName", "Value": f"{PREFIX}-brief"}]}
    assert sagemaker.search(Resource="Model", SearchExpression=brief)["TotalHits"]["Value"] == 1
    sagemaker.delete_model(ModelName=f"{PREFIX}-brief")
    assert sagemaker.search(Resource="Model", SearchExpression=brief)["TotalHits"]["Value"] == 0


def test_names_of_properties_are_suggested(sagemaker: Any) -> None:
    hint = {"PropertyNameQuery": {"PropertyNameHint": "trainingjobs"}}
    found = sagemaker.get_search_suggestions(Resource="TrainingJob", SuggestionQuery=hint)["PropertyNameSuggestions"]
    assert found == [{"PropertyName": "TrainingJobStatus"}]


def test_order_and_pages(sagemaker: Any) -> None:
    assert names(sagemaker, SortBy="HyperParameters.eta", SortOrder="Descending") == "dcba"
    assert names(sagemaker, SortBy="Metrics.val:loss") == "abcd"
    assert names(sagemaker, SortBy="HyperParameters.only")[0] == "b", "what lacks it comes last"
    assert names(sagemaker, SortBy="HyperParameters.only", SortOrder="Descending")[0] == "b"
    pages = sagemaker.get_paginator("search").paginate(
        Resource="TrainingJob",
        SearchExpression={"Filters": [{"Name": "Tags.run", "Value": PREFIX}]},
        SortBy="HyperParameters.eta",
        SortOrder="Ascending",
        PaginationConfig={"PageSize": 1},
    )
    found = [[each["TrainingJob"]["TrainingJobName"][-1] for each in page["Results"]] for page in pages]
    assert found == [["a"], ["b"], ["c"], ["d"]]


def test_other_kinds_and_visibility(sagemaker: Any) -> None:
    condition = {"Name": "Model.ModelName", "Operator": "Equals", "Value": f"{PREFIX}-model"}
    (found,) = sagemaker.search(Resource="Model", SearchExpression={"Filters": [condition]})["Results"]
    assert found["Model"]["Model"]["ModelName"] == f"{PREFIX}-model"
    assert sagemaker.search(Resource="Experiment")["Results"] == []
    blue = [{"Key": "Tags.team", "Value": "blue"}, {"Key": "Tags.run", "Value": PREFIX}]
    results = sagemaker.search(Resource="TrainingJob", VisibilityConditions=blue)["Results"]
    assert len(results) == 2


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"SearchExpression": {"Filters": [{"Name": "Colour", "Value": "red"}]}}, "Unknown property name"),
        ({"SearchExpression": {"Filters": [{"Name": "TrainingJobName", "Operator": "Contains"}]}}, "needs a Value"),
        ({"SortBy": "Colour"}, "Unknown property name"),
        ({"NextToken": "bm90IG91cnM="}, "Invalid NextToken"),
        ({"SearchExpression": {"SubExpressions": [{"Filters": [{"Name": "Tags.x", "Value": "y"}] * 20}] * 3}}, "50"),
    ],
)
def test_what_makes_no_sense_is_refused(sagemaker: Any, request_: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words) as refused:
        sagemaker.search(Resource="TrainingJob", **request_)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
