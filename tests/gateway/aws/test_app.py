"""From real clients through signature, protocol and operation, and back; with a few operations made for the purpose."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from tests.kit.house import DATA, ROLE, USER, House

from sagewright.gateway.http import tls
from sagewright.nouns import operations


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"))
    yield made
    made.server.stop(1)


@pytest.fixture(autouse=True)
def _operations(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_operations", house.operations.table())


def error(call: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


# Each protocol


def test_json(house: House) -> None:
    answer = house.client("sagemaker", region_name="eu-west-1").describe_model(ModelName="m")
    assert answer["ModelArn"] == "arn:aws:sagemaker:eu-west-1:123456789012:model/m"
    assert answer["ExecutionRoleArn"] == USER
    call = house.operations.calls[-1]
    assert (call.service, call.operation, call.region) == ("sagemaker", "DescribeModel", "eu-west-1")
    assert call.request_id == answer["ResponseMetadata"]["RequestId"]


def test_query(house: House) -> None:
    answer = house.client("sts").get_caller_identity()
    assert (answer["Arn"], answer["Account"], answer["UserId"]) == (USER, "123456789012", "AIDAUSER")


def test_rest_json(house: House) -> None:
    client = house.client("sagemaker-featurestore-runtime")
    answer = client.get_record(FeatureGroupName="g", RecordIdentifierValueAsString="a/b ü", FeatureNames=["x", "y"])
    assert [one["FeatureName"] for one in answer["Record"]] == ["x", "y"]


@pytest.mark.parametrize("key", ["k", "a b/c+d/ü~*'()!", "a//b", "./a/../b", "%41"])
def test_s3(house: House, key: str) -> None:
    client = house.client("s3")
    client.put_object(Bucket="bucket", Key=key, Body=DATA)
    assert house.operations.committed[f"bucket/{key}"] == DATA
    assert client.get_object(Bucket="bucket", Key=key)["Body"].read() == DATA


def test_temporary_keys(house: House) -> None:
    key = house.credentials.issue(ROLE, "AROA:session", 900, administrator=True)
    given = {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret, "aws_session_token": key.token}
    for service in ("sts", "s3"):
        client = house.client(service, **given)
        if service == "sts":
            assert client.get_caller_identity()["Arn"] == ROLE
        else:
            client.put_object(Bucket="b", Key="k", Body=b"x")
    without = {name: value for name, value in given.items() if name != "aws_session_token"}
    assert error(house.client("sts", **without).get_caller_identity) == ("InvalidClientTokenId", 403)


@pytest.mark.parametrize(("region", "version"), [("us-east-1", "s3"), ("us-east-1", "s3v4"), ("eu-west-1", "s3v4")])
def test_presigned_urls(house: House, region: str, version: str) -> None:
    client = house.client("s3", region_name=region, config=Config(signature_version=version))
    get = client.generate_presigned_url("get_object", {"Bucket": "b", "Key": "a b/ü"})
    assert ("AWSAccessKeyId" in get) == (version == "s3")
    answer = urllib3.request("GET", get)
    assert (answer.status, answer.data) == (200, DATA)
    put = client.generate_presigned_url("put_object", {"Bucket": "b", "Key": "up"})
    assert urllib3.request("PUT", put, body=b"sent").status == 200
    assert house.operations.committed["b/up"] == b"sent"
    tampered = urllib3.request("GET", get.replace("a%20b", "a%20c"))
    assert (tampered.status, b"<Code>SignatureDoesNotMatch</Code>" in tampered.data) == (403, True)


# What is not let in


def test_wrong_keys_in_the_words_of_each_service(house: House) -> None:
    wrong = {"aws_secret_access_key": "wrong"}
    unknown = {"aws_access_key_id": "AKIANOBODY"}

    def calls(options: dict[str, str]) -> list[tuple[str, int]]:
        return [
            error(lambda: house.client("sagemaker", **options).describe_model(ModelName="m")),
            error(lambda: house.client("sts", **options).get_caller_identity()),
            error(lambda: house.client("s3", **options).get_object(Bucket="b", Key="k")),
            error(lambda: house.client("sagemaker-runtime", **options).invoke_endpoint(EndpointName="e", Body=b"x")),
        ]

    assert calls(wrong) == [
        ("InvalidSignatureException", 400),
        ("SignatureDoesNotMatch", 403),
        ("SignatureDoesNotMatch", 403),
        ("InvalidSignatureException", 403),
    ]
    assert calls(unknown) == [
        ("UnrecognizedClientException", 400),
        ("InvalidClientTokenId", 403),
        ("InvalidAccessKeyId", 403),
        ("UnrecognizedClientException", 403),
    ]


@pytest.mark.parametrize(
    ("line", "headers", "body", "status", "words"),
    [
        ("GET /bucket/key", {}, b"", 403, b"<Code>AccessDenied</Code>"),
        ("PUT /bucket/key", {}, b"data", 403, b"<Code>AccessDenied</Code>"),
        ("GET /no-bucket/key", {}, b"", 404, b"<Code>NoSuchBucket</Code>"),
        ("GET /", {}, b"", 403, b"<Code>AccessDenied</Code>"),
        ("POST /", {"X-Amz-Target": "SageMaker.ListModels"}, b"{}", 400, b"MissingAuthenticationTokenException"),
        ("POST /endpoints/e/invocations", {}, b"1", 403, b"Missing Authentication Token"),
        ("GET /?Action=GetCallerIdentity&Version=2011-06-15", {}, b"", 403, b"<Code>MissingAuthenticationToken<"),
        ("GET /b/k", {"Authorization": "AWS4-HMAC-SHA256 a"}, b"", 400, b"<Code>AuthorizationHeaderMalformed</Code>"),
    ],
)
def test_unsigned_requests(
    house: House, line: str, headers: dict[str, str], body: bytes, status: int, words: bytes
) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", house.port, timeout=10)) as connection:
        connection.request(*line.split(), body, headers)
        answer = connection.getresponse()
        assert (answer.status, words in answer.read()) == (status, True)


def test_a_body_that_is_not_what_was_signed_is_never_committed(house: House) -> None:
    for size in (10, 300_000):
        request = AWSRequest("PUT", f"{house.url}/bucket/forged-{size}", data=b"a" * size)
        S3SigV4Auth(Credentials(house.key.id, house.key.secret), "s3", "us-east-1").add_auth(request)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", house.port, timeout=10)) as connection:
            connection.request("PUT", f"/bucket/forged-{size}", b"b" * size, dict(request.headers.items()))
            answer = connection.getresponse()
            assert (answer.status, b"XAmzContentSHA256Mismatch" in answer.read()) == (400, True)
        assert f"bucket/forged-{size}" not in house.operations.committed


def test_a_refused_upload_is_answered_before_its_body(house: House) -> None:
    """boto3 waits for 100 Continue; a wrong key gets its refusal instead, and nothing is sent."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", house.port, timeout=10)) as connection:
        connection.putrequest("PUT", "/bucket/key")
        connection.putheader("Content-Length", "1000000")
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        assert connection.getresponse().status == 403


# What goes wrong inside


def test_an_operation_that_does_not_work_yet(house: House) -> None:
    with pytest.raises(ClientError, match="sagemaker:CreateHub is known to Sagewright but does not work yet") as caught:
        house.client("sagemaker").create_hub(HubName="h", HubDescription="d")
    assert caught.value.response["Error"]["Code"] == "NotImplemented"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_an_operation_that_the_model_does_not_know(house: House) -> None:
    client = house.client("sagemaker")
    client.meta.events.register(
        "before-sign.sagemaker.*", lambda request, **_: request.headers.replace_header("X-Amz-Target", "SageMaker.Fly")
    )
    assert error(lambda: client.describe_model(ModelName="m"))[0] == "UnknownOperationException"


def test_errors_of_operations_and_of_input(house: House) -> None:
    client = house.client("sagemaker", config=Config(parameter_validation=False))
    with pytest.raises(ClientError, match='Could not find model "missing"'):
        client.describe_model(ModelName="missing")
    with pytest.raises(ClientError, match="1 validation error detected: Value '-' at 'modelName'"):
        client.describe_model(ModelName="-")


def test_a_bug_is_an_internal_failure_with_an_id_and_a_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(ClientError) as caught:
        house.client("sagemaker").list_models()
    response = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == ("InternalFailure", 500)
    assert "secret detail" not in str(response)
    identifier = response["ResponseMetadata"]["RequestId"]
    assert identifier in response["Error"]["Message"]
    assert identifier in caplog.text
    assert "a secret detail" in caplog.text


def test_our_own_routes(house: House) -> None:
    assert json.loads(urllib3.request("GET", f"{house.url}/_sagewright/health").data) == {"status": "ok"}
    assert urllib3.request("POST", f"{house.url}/_sagewright/own").data == b"own"
    page = urllib3.request("POST", f"{house.url}/_sagewright/own", headers={"Origin": "http://evil.example"})
    assert page.status == 403


# InvokeEndpoint


@pytest.fixture(params=["at once", "awaited"])
def way(request: pytest.FixtureRequest, house: House) -> Iterator[None]:
    """Both ways through the router."""
    house.models.connected = request.param == "at once"
    yield
    house.models.connected = True


@pytest.mark.usefixtures("way")
def test_invoke_endpoint(house: House) -> None:
    client = house.client("sagemaker-runtime", region_name="eu-west-1")
    answer = client.invoke_endpoint(
        EndpointName="My-Endpoint",
        Body=b"1,2,3",
        ContentType="text/csv",
        Accept="application/json",
        CustomAttributes="trace=1",
        TargetVariant="blue",
        TargetModel="m.tar.gz",
        InferenceId="id-1",
    )
    assert answer["Body"].read() == b"3,2,1"
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/csv", "blue")
    assert answer["CustomAttributes"] == "trace=1"
    seen = house.models.seen[-1]
    assert (seen.account, seen.region, seen.endpoint) == ("123456789012", "eu-west-1", "My-Endpoint")
    assert (seen.content_type, seen.accept, seen.target_variant) == ("text/csv", "application/json", "blue")
    assert (seen.target_model, seen.inference_id) == ("m.tar.gz", "id-1")
    assert answer["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize("size", [0, 64 * 1024, 64 * 1024 + 1, 6_000_000])
def test_bodies_of_all_sizes_are_invoked_with(house: House, size: int) -> None:
    answer = house.client("sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=b"x" * size)
    assert answer["Body"].read() == b"x" * size


@pytest.mark.usefixtures("way")
def test_errors_of_invoke_endpoint(house: House) -> None:
    client = house.client("sagemaker-runtime", config=Config(parameter_validation=False))
    with pytest.raises(client.exceptions.ModelError) as caught:
        client.invoke_endpoint(EndpointName="broken", Body=b"x")
    assert caught.value.response["OriginalStatusCode"] == 500
    assert caught.value.response["OriginalMessage"] == "boom"
    assert caught.value.response["LogStreamArn"].startswith("arn:aws:logs:")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error(lambda: client.invoke_endpoint(EndpointName="missing", Body=b"x")) == ("ValidationError", 400)
    assert error(lambda: client.invoke_endpoint(EndpointName="bad_name!", Body=b"x")) == ("ValidationError", 400)
    assert error(lambda: client.invoke_endpoint(EndpointName="bug", Body=b"x")) == ("InternalFailure", 500)


def test_a_body_over_the_limit_of_invoke_endpoint(house: House) -> None:
    size = 25 * 1024 * 1024 + 1
    with pytest.raises(ClientError, match=f"{size} bytes or more exceeds the limit of {size - 1} bytes") as caught:
        house.client("sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=b"x" * size)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


# The hosts that SDKs insist on


def test_sts_under_its_own_name(house: House) -> None:
    bundle = str(tls.bundle(house.settings.data_dir, {}))
    for region in ("us-east-1", "eu-central-1"):
        client = house.client(
            "sts",
            endpoint_url=f"https://sts.{region}.amazonaws.com",
            region_name=region,
            verify=bundle,
            config=Config(proxies={"https": house.url}),
        )
        assert client.get_caller_identity()["Arn"] == USER
