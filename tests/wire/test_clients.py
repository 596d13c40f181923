"""What real boto3 clients make of our answers, special cases of their handlers included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError
from tests.kit.wire_exchange import body_bytes, client

from sagewright.core.errors import AwsError, ResourceNotFound, ValidationException
from sagewright.wire import codec
from sagewright.wire.http import FileBody, FileSlice, Request, Response
from sagewright.wire.models import SERVED
from sagewright.wire.routing import identify


def serve(service: str, answer: Callable[[dict[str, Any]], Mapping[str, Any] | None]) -> Callable[[Request], Response]:
    """The whole way of a request, with ``answer`` as the operation."""

    def respond(request: Request) -> Response:
        route = identify(request, SERVED[service].signing_name)
        try:
            return codec.serialise(route, answer(codec.parse(route, request)), "id-1")
        except AwsError as error:
            return codec.serialise_error(route, error, "id-1", request)

    return respond


def returning(service: str, result: Mapping[str, Any] | None, **config: Any) -> Any:
    return client(service, serve(service, lambda _: result), **config)


def raising(service: str, error: AwsError, **config: Any) -> Any:
    def fail(_: dict[str, Any]) -> None:
        raise error

    return client(service, serve(service, fail), **config)


@pytest.mark.parametrize("region", ["eu-west-1", None])
def test_bucket_location(region: str | None) -> None:
    found = returning("s3", {"LocationConstraint": region}).get_bucket_location(Bucket="b")
    assert found["LocationConstraint"] == region


def test_head_object_has_headers_and_no_body() -> None:
    sent = {"ContentLength": 12, "ETag": '"abc"', "LastModified": 1_700_000_000.5, "Metadata": {"colour": "red"}}
    found = returning("s3", sent).head_object(Bucket="b", Key="k")
    assert (found["ContentLength"], found["ETag"], found["Metadata"]) == (12, '"abc"', {"colour": "red"})
    assert found["LastModified"] == datetime.fromtimestamp(1_700_000_000, UTC)


def test_an_object_is_streamed_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"0123456789")
    answer = {"Body": FileBody((FileSlice(path, 2, 3),)), "ContentLength": 3, "ContentRange": "bytes 2-4/10"}
    found = returning("s3", answer).get_object(Bucket="b", Key="k", Range="bytes=2-4")
    assert found["Body"].read() == b"234"
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert found["ResponseMetadata"]["RequestId"] == "id-1"


def test_an_upload_hands_over_the_body_itself() -> None:
    seen: dict[str, Any] = {}

    def keep(parameters: dict[str, Any]) -> dict[str, Any]:
        seen.update(parameters, Body=parameters["Body"].read())
        return {"ETag": '"e"'}

    made = client("s3", serve("s3", keep))
    made.put_object(Bucket="b", Key="a//ä +%/", Body=b"data", Metadata={"Kind": "x"}, ContentType="text/csv")
    assert (seen["Key"], seen["Body"], seen["Metadata"], seen["ContentType"]) == (
        "a//ä +%/",
        b"data",
        {"kind": "x"},
        "text/csv",
    )


def test_virtual_host_addressing() -> None:
    def check(parameters: dict[str, Any]) -> dict[str, Any]:
        assert (parameters["Bucket"], parameters["Prefix"]) == ("my-bucket", "p/")
        return {"KeyCount": 1, "Contents": [{"Key": "p/a", "Size": 3, "LastModified": datetime(2026, 1, 2)}]}

    def respond(request: Request) -> Response:
        request.headers["host"] = "my-bucket.localhost:4566"
        request.raw_path = "/"
        return serve("s3", check)(request)

    found = client("s3", respond).list_objects_v2(Bucket="my-bucket", Prefix="p/")
    assert found["Contents"][0]["LastModified"] == datetime(2026, 1, 2, tzinfo=UTC)


def test_s3_acl_carries_the_type_attribute() -> None:
    grants = [{"Grantee": {"Type": "CanonicalUser", "ID": "1"}, "Permission": "FULL_CONTROL"}]
    found = returning("s3", {"Owner": {"ID": "1"}, "Grants": grants}).get_bucket_acl(Bucket="b")
    assert found["Grants"] == grants


def test_s3_answers_name_their_roots_and_namespace() -> None:
    seen: list[bytes] = []

    def respond(request: Request) -> Response:
        response = serve("s3", lambda _: {"Buckets": [], "Owner": {"ID": "1"}})(request)
        seen.append(body_bytes(response))
        return response

    client("s3", respond).list_buckets()
    root = b'<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Buckets></Buckets>'
    assert root in seen[0]


@pytest.mark.parametrize(
    ("call", "arguments"), [("head_object", {"Bucket": "b", "Key": "k"}), ("head_bucket", {"Bucket": "b"})]
)
def test_a_failed_head_is_its_status(call: str, arguments: dict[str, str]) -> None:
    made = raising("s3", AwsError("no", code="NoSuchKey", status=404))
    with pytest.raises(ClientError) as caught:
        getattr(made, call)(**arguments)
    assert caught.value.response["Error"] == {"Code": "404", "Message": "Not Found"}
    assert caught.value.response["ResponseMetadata"]["RequestId"] == "id-1"


def test_an_s3_error() -> None:
    made = raising("s3", AwsError("The key <k> is not there.", code="NoSuchKey", status=404, Key="a&b"))
    with pytest.raises(made.exceptions.NoSuchKey) as caught:
        made.get_object(Bucket="b", Key="a&b")
    assert caught.value.response["Error"] == {"Code": "NoSuchKey", "Message": "The key <k> is not there.", "Key": "a&b"}


def test_a_query_error() -> None:
    made = raising("iam", AwsError("The role r cannot be found.", code="NoSuchEntity", status=404))
    with pytest.raises(made.exceptions.NoSuchEntityException) as caught:
        made.get_role(RoleName="r")
    assert caught.value.response["Error"]["Type"] == "Sender"
    assert caught.value.response["Error"]["Message"] == "The role r cannot be found."
    assert caught.value.response["ResponseMetadata"]["RequestId"] == "id-1"


def test_a_query_answer_without_output() -> None:
    found = returning("iam", None).delete_role(RoleName="r")
    assert found["ResponseMetadata"]["RequestId"] == "id-1"


def test_a_json_error() -> None:
    made = raising("sagemaker", ValidationException('Could not find endpoint "arn:…".'))
    with pytest.raises(ClientError) as caught:
        made.describe_endpoint(EndpointName="e")
    assert caught.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": 'Could not find endpoint "arn:…".',
    }
    metadata = caught.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], metadata["RequestId"]) == (400, "id-1")


def test_a_modelled_error_takes_the_models_status() -> None:
    control = raising("sagemaker", ResourceNotFound("gone"))
    with pytest.raises(control.exceptions.ResourceNotFound) as caught:
        control.describe_image(ImageName="i")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    data = raising("sagemaker-featurestore-runtime", ResourceNotFound("gone"))
    with pytest.raises(data.exceptions.ResourceNotFound) as caught:
        data.get_record(FeatureGroupName="f", RecordIdentifierValueAsString="1")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_model_error_has_its_members() -> None:
    error = AwsError("Received server error (500)", code="ModelError", OriginalStatusCode=500, OriginalMessage="boom")
    made = raising("sagemaker-runtime", error)
    with pytest.raises(made.exceptions.ModelError) as caught:
        made.invoke_endpoint(EndpointName="e", Body=b"1")
    found = caught.value.response
    assert (found["OriginalStatusCode"], found["OriginalMessage"]) == (500, "boom")
    assert (found["Error"]["Code"], found["ResponseMetadata"]["HTTPStatusCode"]) == ("ModelError", 424)


def test_an_invocation() -> None:
    def answer(parameters: dict[str, Any]) -> dict[str, Any]:
        assert parameters["Body"] == b"1,2"
        assert (parameters["ContentType"], parameters["Accept"]) == ("text/csv", "application/json")
        return {"Body": b"[3]", "ContentType": "application/json", "InvokedProductionVariant": "AllTraffic"}

    made = client("sagemaker-runtime", serve("sagemaker-runtime", answer))
    found = made.invoke_endpoint(EndpointName="e", Body=b"1,2", ContentType="text/csv", Accept="application/json")
    assert (found["Body"].read(), found["ContentType"]) == (b"[3]", "application/json")
    assert found["InvokedProductionVariant"] == "AllTraffic"


def test_a_response_stream_and_its_failure() -> None:
    def parts() -> Any:
        yield {"PayloadPart": {"Bytes": b"to"}}
        yield {"PayloadPart": {"Bytes": b"ken"}}
        raise AwsError("the model broke off", code="ModelStreamError", ErrorCode="StreamBroken")

    found = returning("sagemaker-runtime", {"Body": parts(), "ContentType": "text/plain"})
    answer = found.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"x")
    assert answer["ContentType"] == "text/plain"
    events = iter(answer["Body"])
    assert [next(events), next(events)] == [{"PayloadPart": {"Bytes": b"to"}}, {"PayloadPart": {"Bytes": b"ken"}}]
    with pytest.raises(EventStreamError, match="the model broke off"):
        next(events)


def test_absent_and_none_members_are_left_out_and_empty_ones_stay() -> None:
    found = returning("sagemaker", {"Models": [], "NextToken": None}).list_models()
    assert "NextToken" not in found
    assert found["Models"] == []


def test_a_header_is_one_line_and_ascii() -> None:
    response = serve("s3", lambda _: {"ContentLength": 0, "Metadata": {"a": "x\r\nevil: 1"}, "ContentType": "ä"})
    headers: dict[str, str] = {}

    def respond(request: Request) -> Response:
        answer = response(request)
        headers.update(answer.headers)
        return answer

    client("s3", respond).head_object(Bucket="b", Key="k")
    assert headers["x-amz-meta-a"] == "x evil: 1"
    assert headers["content-type"] == "=?UTF-8?B?w6Q=?="
