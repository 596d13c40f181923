"""Every operation's own request leads back to it, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kit.wire_exchange import request, serialised

from sagewright.core.errors import AwsError, UnknownOperationException
from sagewright.wire import codec
from sagewright.wire.models import SERVED, service_model
from sagewright.wire.routing import MAX_BODY, identify

ELSEWHERE = ("WriteGetObjectResponse",)
"""On a host of its own."""


def least(operation: OperationModel) -> dict[str, Any]:
    """Parameters that are enough to choose the operation."""
    shape = operation.input_shape
    if shape is None:
        return {}
    samples = {"string": "v1", "integer": 1, "long": 1, "list": ["ETag"], "boolean": True}
    return {
        name: samples[shape.members[name].type_name]
        for name in shape.required_members
        if "location" in shape.members[name].serialization
    }


@pytest.mark.parametrize(("service", "protocol"), [(s.name, p) for s in SERVED.values() for p in s.protocols])
def test_every_operation_routes_to_itself(service: str, protocol: str) -> None:
    model = service_model(service)
    for name in model.operation_names:
        if name in ELSEWHERE:
            continue
        for signing_name in (model.signing_name, None):
            made = serialised(model.operation_model(name), least(model.operation_model(name)), protocol)
            route = identify(made, signing_name)
            assert (route.service, route.operation.name, route.protocol) == (service, name, protocol)


@pytest.mark.parametrize(
    ("method", "target", "headers", "operation"),
    [
        ("GET", "/", {}, "ListBuckets"),
        ("GET", "/b", {}, "ListObjects"),
        ("GET", "/b/", {}, "ListObjects"),
        ("GET", "/b?list-type=2&prefix=x", {}, "ListObjectsV2"),
        ("GET", "/b?uploads", {}, "ListMultipartUploads"),
        ("GET", "/b?uploads=", {}, "ListMultipartUploads"),
        ("GET", "/b?location", {}, "GetBucketLocation"),
        ("GET", "/b/k?uploadId=u", {}, "ListParts"),
        ("GET", "/b/k?partNumber=2", {}, "GetObject"),
        ("GET", "/b/k?versionId=3&x-id=GetObject", {}, "GetObject"),
        ("GET", "/b//", {}, "GetObject"),
        ("HEAD", "/b", {}, "HeadBucket"),
        ("HEAD", "/b/k", {}, "HeadObject"),
        ("PUT", "/b/k", {}, "PutObject"),
        ("PUT", "/b/k", {"x-amz-copy-source": "/b/j"}, "CopyObject"),
        ("PUT", "/b/k?x-amz-copy-source=%2Fb%2Fj", {}, "CopyObject"),
        ("PUT", "/b/k?partNumber=1&uploadId=u", {}, "UploadPart"),
        ("PUT", "/b/k?partNumber=1&uploadId=u", {"x-amz-copy-source": "/b/j"}, "UploadPartCopy"),
        ("PUT", "/b/k?tagging", {}, "PutObjectTagging"),
        ("POST", "/b/k?uploads", {}, "CreateMultipartUpload"),
        ("POST", "/b/k?uploadId=u", {}, "CompleteMultipartUpload"),
        ("POST", "/b?delete", {}, "DeleteObjects"),
        ("DELETE", "/b/k?uploadId=u", {}, "AbortMultipartUpload"),
        ("GET", "/k?list-type=2", {"host": "my-bucket.localhost:4566"}, "GetObject"),
        ("GET", "/?list-type=2", {"host": "my-bucket.s3.eu-west-1.amazonaws.com"}, "ListObjectsV2"),
        ("GET", "/", {"host": "s3.eu-west-1.amazonaws.com"}, "ListBuckets"),
    ],
)
@pytest.mark.parametrize("signing_name", ["s3", None])
def test_s3_requests(
    method: str, target: str, headers: dict[str, str], operation: str, signing_name: str | None
) -> None:
    assert identify(request(method, target, headers), signing_name).operation.name == operation


@pytest.mark.parametrize(
    ("method", "target"),
    [("DELETE", "/b?analytics"), ("DELETE", "/b/k?annotation"), ("PATCH", "/b/k"), ("POST", "/b/k"), ("DELETE", "/")],
)
def test_half_an_s3_request_is_never_a_simpler_one(method: str, target: str) -> None:
    with pytest.raises(UnknownOperationException) as caught:
        identify(request(method, target), "s3")
    assert (caught.value.code, caught.value.status) == ("MethodNotAllowed", 405)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_a_key_comes_out_as_it_went_in(key: str) -> None:
    made = request("GET", "/bucket/" + quote(key, safe="/~+.!$&'()*,;=:@"))
    assert codec.parse(identify(made, "s3"), made) == {"Bucket": "bucket", "Key": key}


@pytest.mark.parametrize(
    "key", ["a//b", "/", "//", "a/", "..", "../../etc/passwd", "a+b", "a%2Fb", ".", "a/../b", "ä/😀", " ", "a\\b", "?#"]
)
def test_a_key_is_never_normalised(key: str) -> None:
    made = serialised(service_model("s3").operation_model("GetObject"), {"Bucket": "bucket", "Key": key}, "rest-xml")
    assert codec.parse(identify(made, "s3"), made)["Key"] == key


def test_a_key_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(AwsError) as caught:
        identify(request("GET", "/bucket/%ff%fe"), "s3")
    assert (caught.value.code, caught.value.status) == ("InvalidURI", 400)


def test_the_signing_name_decides_between_a_data_plane_and_a_bucket() -> None:
    made = "/endpoints/churn/invocations"
    assert identify(request("POST", made, body=b"1,2"), "sagemaker").operation.name == "InvokeEndpoint"
    assert identify(request("PUT", made), "s3").operation.name == "PutObject"


def test_an_invocation_may_carry_a_form() -> None:
    made = request(
        "POST",
        "/endpoints/churn/invocations",
        {"content-type": "application/x-www-form-urlencoded"},
        b"Action=GetCallerIdentity",
    )
    route = identify(made, "sagemaker")
    assert codec.parse(route, made)["Body"] == b"Action=GetCallerIdentity"


@pytest.mark.parametrize("signing_name", ["sts", None])
def test_a_query_call_may_be_a_get_or_a_post_and_its_body_stays_readable(signing_name: str | None) -> None:
    text = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=s+1"
    for made in (
        request("GET", f"/?{text}"),
        request("POST", "/", {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}, text.encode()),
    ):
        route = identify(made, signing_name)
        assert (route.service, route.operation.name) == ("sts", "AssumeRole")
        assert codec.parse(route, made) == {"RoleArn": "arn:aws:iam::1:role/r", "RoleSessionName": "s 1"}


@pytest.mark.parametrize(
    ("made", "signing_name", "code"),
    [
        (request("POST", "/", {"x-amz-target": "SageMaker.Nope"}), "sagemaker", "UnknownOperationException"),
        (request("POST", "/", {"x-amz-target": "Nope"}), "sagemaker", "UnknownOperationException"),
        (request("POST", "/", {"x-amz-target": ""}), None, "UnknownOperationException"),
        (request("GET", "/?Action=Nope"), "iam", "InvalidAction"),
        (request("GET", "/?Action=GetCallerIdentity"), "iam", "InvalidAction"),
        (request("GET", "/nothing/here"), "sagemaker", "UnknownOperationException"),
        (request("GET", "/"), "sts", "UnknownOperationException"),
        (request("GET", "/"), "ec2", "UnknownOperationException"),
    ],
)
def test_what_no_model_knows(made: Any, signing_name: str | None, code: str) -> None:
    with pytest.raises(UnknownOperationException) as caught:
        identify(made, signing_name)
    assert caught.value.code == code


def test_a_body_beyond_the_limit_is_refused_without_reading_it_all() -> None:
    made = request("POST", "/", {"x-amz-target": "SageMaker.ListModels"}, b" " * (MAX_BODY + 1))
    with pytest.raises(AwsError) as caught:
        codec.parse(identify(made, "sagemaker"), made)
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("service", "method", "parameters"),
    [
        ("kms", "describe_key", {"KeyId": "k"}),
        ("dynamodb", "list_tables", {}),
        ("ecr", "describe_repositories", {}),
        ("sns", "list_topics", {}),
        ("ec2", "describe_regions", {}),
        ("lambda", "list_functions", {}),
        ("efs", "describe_file_systems", {}),
    ],
)
def test_a_service_that_is_not_served_is_named_with_those_that_are(
    client: Callable[..., Any], service: str, method: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(client(service), method)(**parameters)
    error = refused.value.response["Error"]
    assert error["Code"] == "UnknownOperationException"
    signed_for = {"efs": "elasticfilesystem"}.get(service, service)
    assert error["Message"].startswith(f"The service {signed_for} is not served by Sagewright. Served are: ")
    assert "sagemaker, " in error["Message"]


def test_an_operation_that_a_served_service_does_not_have_is_named_alone(client: Callable[..., Any]) -> None:
    """boto3 does not send one, so the name is changed on the way."""
    it = client("sagemaker")
    it.meta.events.register(
        "before-call", lambda params, **_: params["headers"].update({"X-Amz-Target": "SageMaker.Dance"})
    )
    with pytest.raises(ClientError, match=r"The operation SageMaker\.Dance is unknown"):
        it.list_models()
