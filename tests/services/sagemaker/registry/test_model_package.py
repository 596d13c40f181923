"""Model packages through boto3: versions of a group, approval, what an update changes, and a model made of one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.endpoints import INFERENCE, SKLEARN, Endpoints
from tests.kit.jobs import ROLE, Jobs, archive
from tests.kit.principals import Person, allow
from tests.kit.transforms import transforms_of

Client = Callable[..., Any]
ARN = "arn:aws:sagemaker:us-east-1:123456789012"


class Registry:
    """Makes groups, and packages of a model that answers with a word."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.sagemaker = jobs.sagemaker

    def group(self) -> str:
        name = f"group-{uuid.uuid4().hex[:10]}"
        self.sagemaker.create_model_package_group(ModelPackageGroupName=name, ModelPackageGroupDescription="of a test")
        return name

    def container(self, answer: str = "x") -> dict[str, Any]:
        files: dict[str, str | bytes] = {"answer.txt": answer, "code/inference.py": INFERENCE}
        uri = self.jobs.put({"model.tar.gz": archive(files)}) + "/model.tar.gz"
        return {"Image": SKLEARN, "ModelDataUrl": uri, "Environment": {"SAGEMAKER_PROGRAM": "inference.py"}}

    def specification(self, answer: str = "x") -> dict[str, Any]:
        return {"Containers": [self.container(answer)], "SupportedContentTypes": ["application/json"]}

    def version(self, group: str, answer: str = "x", **members: Any) -> str:
        request = {"ModelPackageGroupName": group, "InferenceSpecification": self.specification(answer), **members}
        return str(self.sagemaker.create_model_package(**request)["ModelPackageArn"])

    def describe(self, arn: str, **members: Any) -> Any:
        return self.sagemaker.describe_model_package(ModelPackageName=arn, **members)

    def versions(self, **members: Any) -> list[int]:
        listed = self.sagemaker.list_model_packages(**members)["ModelPackageSummaryList"]
        return [each["ModelPackageVersion"] for each in listed]


@pytest.fixture(scope="module")
def registry(jobs: Jobs) -> Registry:
    return Registry(jobs)


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    """The code and the text of the error that a call ends with."""
    with pytest.raises(ClientError) as error:
        call()
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


def test_versions_of_a_group_are_numbered_and_never_again(registry: Registry) -> None:
    group = registry.group()
    arns = [registry.version(group) for _ in range(3)]
    assert arns == [f"{ARN}:model-package/{group}/{number}" for number in (1, 2, 3)]
    described = registry.describe(arns[1])
    assert (described["ModelPackageGroupName"], described["ModelPackageVersion"]) == (group, 2)
    assert described["ModelPackageStatus"] == "Completed"
    assert described["ModelPackageStatusDetails"] == {"ValidationStatuses": [], "ImageScanStatuses": []}
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["CertifyForMarketplace"] is False
    assert described["CreatedBy"]["IamIdentity"]["Arn"].startswith("arn:aws:sts::123456789012:")
    assert registry.describe(f"{group}/2")["ModelPackageArn"] == arns[1]
    assert registry.describe(described["ModelPackageName"])["ModelPackageArn"] == arns[1]
    registry.sagemaker.delete_model_package(ModelPackageName=arns[2])
    assert registry.version(group).endswith("/4")
    assert refusal(lambda: registry.describe(arns[2])) == (
        "ValidationException",
        f"ModelPackage {arns[2]} does not exist.",
    )


def test_many_callers_at_once_get_as_many_versions(registry: Registry) -> None:
    group, specification = registry.group(), registry.specification()
    request = {"ModelPackageGroupName": group, "InferenceSpecification": specification}
    with ThreadPoolExecutor(8) as several:
        made = list(several.map(lambda _: registry.sagemaker.create_model_package(**request), range(24)))
    assert {each["ModelPackageArn"].rpartition("/")[2] for each in made} == set(map(str, range(1, 25)))


def test_a_request_that_comes_again_makes_no_second_version(registry: Registry) -> None:
    group, token = registry.group(), uuid.uuid4().hex
    assert registry.version(group, ClientToken=token) == registry.version(group, ClientToken=token)
    assert not registry.version(group, ClientToken=uuid.uuid4().hex).endswith("/1")


def test_an_update_changes_what_it_names(registry: Registry) -> None:
    arn = registry.version(registry.group(), CustomerMetadataProperties={"a": "1", "b": "2"})
    update = registry.sagemaker.update_model_package
    answer = update(ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="it is good")
    assert answer["ModelPackageArn"] == arn
    assert registry.describe(arn)["ModelApprovalStatus"] == "Approved"
    stage = {"Stage": "Production", "StageStatus": "Approved", "StageDescription": "since today"}
    update(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"b": "3", "c": "4"},
        CustomerMetadataPropertiesToRemove=["a", "nothing"],
        ModelLifeCycle=stage,
        ModelPackageRegistrationType="Registered",
        ModelCard={"ModelCardContent": '{"intended_uses": {"risk_rating": "Low", "purpose": "p"}}'},
        AdditionalInferenceSpecificationsToAdd=[{"Name": "more", "Containers": [registry.container("more")]}],
    )
    update(ModelPackageArn=arn, ModelCard={"ModelCardStatus": "Approved"})
    described = registry.describe(arn)
    assert described["ApprovalDescription"] == "it is good"
    assert described["CustomerMetadataProperties"] == {"b": "3", "c": "4"}
    assert described["ModelLifeCycle"] == stage
    assert described["ModelCard"]["ModelCardStatus"] == "Approved"
    assert [each["Name"] for each in described["AdditionalInferenceSpecifications"]] == ["more"]
    assert described["LastModifiedBy"] == described["CreatedBy"]
    assert described["LastModifiedTime"] > described["CreationTime"]
    metadata = registry.describe(arn, IncludedData="MetadataOnly")["ModelCard"]["ModelCardContent"]
    assert json.loads(metadata) == {"intended_uses": {"risk_rating": "Low"}}
    with pytest.raises(ClientError, match="50 CustomerMetadataProperties at most"):
        update(ModelPackageArn=arn, CustomerMetadataProperties={str(number): "x" for number in range(49)})
    with pytest.raises(ClientError, match="Duplicate AdditionalInferenceSpecification name 'more'"):
        update(
            ModelPackageArn=arn,
            AdditionalInferenceSpecificationsToAdd=[{"Name": "more", "Containers": [registry.container()]}],
        )
    with pytest.raises(ClientError, match="is not JSON"):
        update(ModelPackageArn=arn, ModelCard={"ModelCardContent": "{"})


def test_lists_tell_versions_from_packages_without(registry: Registry) -> None:
    group = registry.group()
    arns = [registry.version(group) for _ in range(3)]
    registry.sagemaker.update_model_package(ModelPackageArn=arns[1], ModelApprovalStatus="Approved")
    assert registry.versions(ModelPackageGroupName=group) == [3, 2, 1]
    assert registry.versions(ModelPackageGroupName=f"{ARN}:model-package-group/{group}", MaxResults=1) == [3]
    assert registry.versions(ModelPackageGroupName=group, ModelApprovalStatus="Approved") == [2]
    assert registry.versions(ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Ascending") == [1, 2, 3]
    name = f"alone-{group}"
    specification = {
        **registry.specification(),
        "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
        "SupportedTransformInstanceTypes": ["ml.m5.large"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    made = registry.sagemaker.create_model_package(ModelPackageName=name, InferenceSpecification=specification)
    assert made["ModelPackageArn"] == f"{ARN}:model-package/{name}"
    assert "ModelApprovalStatus" not in registry.describe(name)
    listed = registry.sagemaker.list_model_packages(NameContains=group)["ModelPackageSummaryList"]
    assert [each["ModelPackageName"] for each in listed] == [name]
    both = registry.sagemaker.list_model_packages(NameContains=group, ModelPackageType="Both")
    assert len(both["ModelPackageSummaryList"]) == 4
    versions = registry.sagemaker.list_model_packages(NameContains=group, ModelPackageType="Versioned")
    assert len(versions["ModelPackageSummaryList"]) == 3
    assert refusal(
        lambda: registry.sagemaker.create_model_package(ModelPackageName=name, InferenceSpecification=specification)
    )[1].startswith("ModelPackage already exists")
    with pytest.raises(ClientError, match="cannot be approved or rejected"):
        registry.sagemaker.update_model_package(ModelPackageArn=made["ModelPackageArn"], ModelApprovalStatus="Approved")
    found = registry.sagemaker.search(
        Resource="ModelPackage",
        SearchExpression={
            "Filters": [
                {"Name": "ModelPackageGroupName", "Operator": "Equals", "Value": group},
                {"Name": "ModelApprovalStatus", "Operator": "Equals", "Value": "Approved"},
            ]
        },
    )
    assert [each["ModelPackage"]["ModelPackageArn"] for each in found["Results"]] == [arns[1]]


def test_many_are_described_at_once_and_errors_beside(registry: Registry, client: Client) -> None:
    arn = registry.version(registry.group())
    absent = f"{arn}0"
    answer = registry.sagemaker.batch_describe_model_package(ModelPackageArnList=[arn, absent])
    assert answer["ModelPackageSummaries"][arn]["ModelPackageVersion"] == 1
    assert answer["ModelPackageSummaries"][arn]["InferenceSpecification"]["Containers"][0]["Image"] == SKLEARN
    assert answer["BatchDescribeModelPackageErrorMap"] == {
        absent: {"ErrorCode": "ValidationException", "ErrorResponse": f"ModelPackage {absent} does not exist."}
    }
    person = Person(client).may(allow("sagemaker:BatchDescribeModelPackage", on=absent))
    answer = person.client("sagemaker").batch_describe_model_package(ModelPackageArnList=[arn])
    assert answer["BatchDescribeModelPackageErrorMap"][arn]["ErrorCode"] == "AccessDeniedException"


def test_what_contradicts_itself_is_refused(registry: Registry) -> None:
    group, specification = registry.group(), registry.specification()
    create = registry.sagemaker.create_model_package
    for message, request in (
        ("Give either a ModelPackageGroupName", {"InferenceSpecification": specification}),
        ("Give either", {"ModelPackageGroupName": group, "ModelPackageName": "n"}),
        ("You must specify an InferenceSpecification", {"ModelPackageGroupName": group}),
        (
            "it has the tags of its group",
            {
                "ModelPackageGroupName": group,
                "InferenceSpecification": specification,
                "Tags": [{"Key": "k", "Value": "v"}],
            },
        ),
        (
            "Could not find model data at",
            {
                "ModelPackageGroupName": group,
                "InferenceSpecification": {
                    "Containers": [{"Image": SKLEARN, "ModelDataUrl": f"s3://{registry.jobs.bucket}/no.tar.gz"}]
                },
            },
        ),
        ("nothere", {"ModelPackageGroupName": "nothere", "InferenceSpecification": specification}),
    ):
        code, text = refusal(lambda request=request: create(**request))  # type: ignore[misc]
        assert (code, message in text) == ("ValidationException", True), text
    assert registry.versions(ModelPackageGroupName=group) == [], "a refused request takes no number"


def test_a_package_is_copied_and_a_model_registered_by_their_arns(registry: Registry) -> None:
    group = registry.group()
    first = registry.version(group)
    copied = registry.sagemaker.create_model_package(ModelPackageGroupName=group, SourceUri=first)["ModelPackageArn"]
    assert registry.describe(copied)["InferenceSpecification"] == registry.describe(first)["InferenceSpecification"]
    container, name = registry.container(), f"model-{uuid.uuid4().hex[:10]}"
    made = registry.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    of_model = registry.sagemaker.create_model_package(ModelPackageGroupName=group, SourceUri=made["ModelArn"])
    assert registry.describe(of_model["ModelPackageArn"])["InferenceSpecification"] == {"Containers": [container]}
    with pytest.raises(ClientError, match="from which it is taken"):
        registry.version(group, SourceUri=first)


def test_a_model_is_made_of_an_approved_package_alone(registry: Registry) -> None:
    arn = registry.version(registry.group())
    create = registry.sagemaker.create_model

    def model(**container: Any) -> str:
        name = f"model-{uuid.uuid4().hex[:10]}"
        create(ModelName=name, PrimaryContainer={"ModelPackageName": arn, **container}, ExecutionRoleArn=ROLE)
        return name

    with pytest.raises(ClientError, match="its ModelApprovalStatus is PendingManualApproval"):
        model()
    registry.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    described = registry.sagemaker.describe_model(ModelName=model())
    assert described["PrimaryContainer"]["ModelPackageName"] == arn
    assert "Image" not in described["PrimaryContainer"]
    with pytest.raises(ClientError, match="Image cannot be given with ModelPackageName"):
        model(Image=SKLEARN)
    with pytest.raises(ClientError, match="has no AdditionalInferenceSpecification 'more'"):
        model(InferenceSpecificationName="more")
    with pytest.raises(ClientError, match="Could not find model package"):
        model(ModelPackageName=f"{arn}9")
    with pytest.raises(ClientError, match="specify an ExecutionRoleArn"):
        create(ModelName="m", PrimaryContainer={"ModelPackageName": arn})


@pytest.mark.slow
def test_two_versions_are_registered_and_the_approved_one_answers(
    registry: Registry, client: Client, endpoints: Endpoints
) -> None:
    group = registry.group()
    first, second = registry.version(group, "first"), registry.version(group, "second")
    more = {"Name": "more", "Containers": [registry.container("more")]}
    registry.sagemaker.update_model_package(ModelPackageArn=second, AdditionalInferenceSpecificationsToAdd=[more])
    for arn in (first, second):
        registry.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    names = [f"model-{uuid.uuid4().hex[:10]}" for _ in range(3)]
    containers = [{"ModelPackageName": first}, {"ModelPackageName": second}]
    containers += [{"ModelPackageName": second, "InferenceSpecificationName": "more"}]
    for name, container in zip(names, containers, strict=True):
        registry.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variants = {variant: {"ModelName": name} for variant, name in zip(("a", "b", "c"), names, strict=True)}
    endpoint = endpoints.create(endpoints.config(**variants))
    endpoints.wait(endpoint)
    for variant, answer in (("a", "first"), ("b", "second"), ("c", "more")):
        assert f'"answer": "{answer}"' in endpoints.ask(endpoint, TargetVariant=variant)[1]
    registry.sagemaker.delete_model_package(ModelPackageName=first)
    assert '"answer": "first"' in endpoints.ask(endpoint, TargetVariant="a")[1], "what is deployed stays"
    failed = endpoints.create(endpoints.config(main={"ModelName": names[0]}))
    assert "Could not find model package" in endpoints.wait(failed, "Failed")["FailureReason"]


@pytest.mark.slow
def test_a_transform_job_runs_a_package(registry: Registry) -> None:
    transforms = transforms_of(registry.jobs)
    plain = registry.sagemaker.describe_model(ModelName=transforms.model)["PrimaryContainer"]
    container = {name: plain[name] for name in ("Image", "ModelDataUrl")}
    arn = registry.version(
        registry.group(), InferenceSpecification={"Containers": [container]}, ModelApprovalStatus="Approved"
    )
    transforms.model = f"model-{uuid.uuid4().hex[:10]}"
    registry.sagemaker.create_model(
        ModelName=transforms.model, PrimaryContainer={"ModelPackageName": arn}, ExecutionRoleArn=ROLE
    )
    assert transforms.completed({"a.csv": "1,2\n3,4"}) == {"a.csv.out": b"30.0\n70.0"}


@pytest.fixture
def endpoints(jobs: Jobs, client: Client) -> Iterator[Endpoints]:
    made = Endpoints(jobs, client("sagemaker-runtime"))
    yield made
    for name in made.made:
        jobs.sagemaker.delete_endpoint(EndpointName=name)
