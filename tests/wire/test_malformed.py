"""What cannot be read is a documented error, whatever it is."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.model import ServiceModel
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.kit.wire_exchange import body_bytes, request

from sagewright.core.errors import AwsError, InternalFailure, SerializationException
from sagewright.wire import codec, json_body
from sagewright.wire.models import service_model
from sagewright.wire.routing import Route, identify

VERSIONING = b"<VersioningConfiguration><Status>perhaps</Status></VersioningConfiguration>"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def route(service: str, operation: str) -> Route:
    return Route(service, service_model(service).operation_model(operation))


def refusal(service: str, operation: str, body: bytes, target: str = "/", **headers: str) -> AwsError:
    method = service_model(service).operation_model(operation).http["method"]
    with pytest.raises(SerializationException) as caught:
        codec.parse(route(service, operation), request(method, target, headers, body))
    assert caught.value.status == 400
    return caught.value


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1]",
        b'"text"',
        b"null",
        b"1",
        b"NaN",
        b'{"MaxResults": NaN}',
        b'{"MaxResults": Infinity}',
        b"\xff\xfe",
        b'{"NextToken": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b"{'a': 1}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b'{"MaxResults": ' + b"9" * 5000 + b"}",
        b"<xml/>",
        b"a=b&c=d",
    ],
)
def test_not_a_json_object(body: bytes) -> None:
    refusal("sagemaker", "ListTrainingJobs", body)


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("MaxResults", "5", "STRING_VALUE can not be converted to an Integer"),
        ("MaxResults", 1.5, "NUMBER_VALUE can not be converted to an Integer"),
        ("MaxResults", 2**31, "NUMBER_VALUE can not be converted to an Integer"),
        ("MaxResults", True, "TRUE_VALUE can not be converted to an Integer"),
        ("MaxResults", {}, "Start of structure or map found where not expected."),
        ("NameContains", 5, "NUMBER_VALUE can not be converted to a String"),
        ("NameContains", False, "FALSE_VALUE can not be converted to a String"),
        ("NameContains", [], "Start of list found where not expected"),
        ("CreationTimeAfter", "yesterday", "STRING_VALUE can not be converted to a Date"),
        ("CreationTimeAfter", 1e300, "NUMBER_VALUE can not be converted to a Date"),
    ],
)
def test_a_value_of_the_wrong_type(member: str, value: Any, words: str) -> None:
    found = refusal("sagemaker", "ListTrainingJobs", json.dumps({member: value}).encode())
    assert (found.code, found.message) == ("SerializationException", words)


@pytest.mark.parametrize("body", [b'{"Tags": {}}', b'{"Tags": "x"}', b'{"Tags": ["x"]}', b'{"HyperParameters": []}'])
def test_a_collection_of_the_wrong_type(body: bytes) -> None:
    refusal("sagemaker", "CreateTrainingJob", body)


def test_a_whole_float_is_an_integer_and_nulls_are_absent() -> None:
    made = request(body=b'{"MaxResults": 5.0, "NextToken": null, "Unknown": {"x": [1]}}')
    assert codec.parse(route("sagemaker", "ListTrainingJobs"), made) == {"MaxResults": 5}


def test_an_empty_body_is_an_empty_object() -> None:
    assert codec.parse(route("sagemaker", "ListTrainingJobs"), request()) == {}


def test_a_list_of_structures_is_read_by_its_members_types() -> None:
    found = refusal("sagemaker-edge", "SendHeartbeat", b'{"AgentMetrics":[{"Timestamp":"never"}]}')
    assert found.message == "STRING_VALUE can not be converted to a Date"


@pytest.mark.parametrize("value", ['"***"', '"abc"', "5", "[]", '"é"'])
def test_bad_base64(value: str) -> None:
    shape = ServiceModel({"metadata": {}, "shapes": {"B": {"type": "blob"}}}).shape_for("B")
    with pytest.raises(SerializationException):
        json_body.reader(shape)(json.loads(value))


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>'


@pytest.mark.parametrize(
    "body",
    [
        b"<Delete>",
        b"not xml",
        b"<Other/>",
        b"<Delete/><Delete/>",
        BOMB,
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><Delete/>',
        b"<Delete>&undefined;</Delete>",
        b"<Delete><Quiet>perhaps</Quiet></Delete>",
        b"<Delete><Quiet><a/></Quiet></Delete>",
        b"<Delete><Object><Size>many</Size></Object></Delete>",
        b"<Delete>\xff\xfe</Delete>",
        b"<Delete>" * 10_000,
        b'<?xml version="1.0" encoding="klingon"?><Delete/>',
        b"<Delete>\x00</Delete>",
        b"{}",
    ],
)
def test_xml_that_is_refused(body: bytes) -> None:
    assert refusal("s3", "DeleteObjects", body, "/b?delete").code == "MalformedXML"


@pytest.mark.parametrize(
    ("operation", "target", "body", "code"),
    [
        ("DeleteObjects", "/b?delete", b"<Delete/>", "MalformedXML"),
        ("DeleteObjects", "/b?delete", b"<Delete><Object/></Delete>", "MalformedXML"),
        ("DeleteObjects", "/b?delete", b"<Delete><Object><Key></Key></Object></Delete>", "MalformedXML"),
        ("DeleteObjects", "/b?delete", b"", "MissingRequestBodyError"),
        ("PutBucketTagging", "/b?tagging", b"<Tagging/>", "MalformedXML"),
        ("PutBucketVersioning", "/b?versioning", VERSIONING, "MalformedXML"),
        ("PutBucketCors", "/b?cors", b"<CORSConfiguration><CORSRule/></CORSConfiguration>", "MalformedXML"),
    ],
)
def test_a_document_that_is_no_such_document(operation: str, target: str, body: bytes, code: str) -> None:
    method = "POST" if operation == "DeleteObjects" else "PUT"
    made = request(method, target, {}, body)
    route = identify(made, "s3")
    assert route.operation.name == operation
    with pytest.raises(AwsError) as error:
        codec.check(route, codec.parse(route, made))
    assert (error.value.code, error.value.status) == (code, 400)


def test_xml_with_and_without_namespaces() -> None:
    for body in (
        b"<Delete><Object><Key>k</Key></Object></Delete>",
        b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>k</Key></Object></Delete>',
        b'<s:Delete xmlns:s="http://s3.amazonaws.com/doc/2006-03-01/"><s:Object><s:Key>k</s:Key></s:Object></s:Delete>',
    ):
        made = request("POST", "/b?delete", {}, body)
        assert codec.parse(identify(made, "s3"), made)["Delete"] == {"Objects": [{"Key": "k"}]}


@pytest.mark.parametrize("target", ["/b?max-keys=many", "/b?max-keys=", "/b?max-keys=1_0", "/b?prefix=%ff"])
def test_bad_s3_parameters(target: str) -> None:
    assert refusal("s3", "ListObjects", b"", target).code == "InvalidArgument"


@pytest.mark.parametrize(
    "body",
    [
        b"Tags.member.x.Key=1",
        b"Tags=x&Tags.member.1.Key=1",
        b"Tags.member.1.Key=1&Tags.member.1.Key.deeper=2",
        b"Tags.member.1=1",
        b"RoleName=%ff",
        b"\xff=1",
        b"MaxSessionDuration=soon",
        b"MaxSessionDuration=3_600",
        "MaxSessionDuration=٣٦٠٠".encode(),
        b"a=1&" * 30_000,
    ],
)
def test_a_form_that_is_refused(body: bytes) -> None:
    made = request("POST", "/", FORM, b"Action=CreateRole&Version=2010-05-08&" + body)

    def read() -> dict[str, Any]:
        return codec.parse(identify(made, "iam"), made)

    with pytest.raises(SerializationException) as caught:
        read()
    assert caught.value.status == 400


SIGNED = "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/sagemaker/aws4_request"
PATHS = ["/", "/b?delete", "/b/k?tagging", "/endpoints/e/invocations", "/BatchPutMetrics", "/b?list-type=2"]
JUNK = st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Tags", "Key", "a"]), inner),
).map(lambda value: json.dumps(value).encode())
MARKUP = st.lists(
    st.sampled_from(["<Delete>", "</Delete>", "<Object>", "</Object>", "<Key>", "</Key>", "&#x1;", "&", "]]>", "x"]),
    max_size=12,
).map(lambda parts: "".join(parts).encode())
FIELDS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["Tags", "member", "1", "-1", "", "Key", "entry", "²"]), min_size=1, max_size=4),
        st.text(max_size=3),
    ),
    max_size=5,
).map(lambda fields: "&".join(f"{'.'.join(path)}={value}" for path, value in fields).encode("utf-8", "replace"))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["POST", "PUT", "GET", "DELETE", "HEAD", "PATCH", ""]),
    st.text(max_size=30).map(lambda path: "/" + path)
    | st.sampled_from(
        ["/", "/b?delete", "/b/k?tagging", "/endpoints/e/invocations", "/BatchPutMetrics", "/b?list-type=2"]
    ),
    st.sampled_from(
        [
            {},
            FORM,
            {"x-amz-target": "SageMaker.CreateTrainingJob"},
            {"x-amz-target": "SageMaker.AddTags", "x-amzn-query-mode": "true"},
            {"x-amz-target": "Logs_20140328.PutLogEvents"},
        ]
    ),
    JUNK | MARKUP | FIELDS.map(lambda fields: b"Action=CreateRole&" + fields),
    st.sampled_from([None, "s3", "iam", "sagemaker", "monitoring", "nothing"]),
)
@example("GET", "/\udcff", {}, b"", "s3")
def test_garbage_is_an_error_or_a_request_but_never_a_crash(
    method: str, target: str, headers: dict[str, str], body: bytes, signing_name: str | None
) -> None:
    made = request(method, target, headers, body)
    found = None
    try:
        found = identify(made, signing_name)
        codec.check(found, codec.parse(found, made))
        return
    except AwsError as error:
        refused = error
    response = codec.serialise_error(found, refused, "id-1", made)
    assert 400 <= response.status < 500
    assert (body_bytes(response) == b"") == (method == "HEAD")
    assert "id-1" in response.headers.values()


@pytest.mark.parametrize(("service", "name"), [("s3", "ListObjects"), ("iam", "GetRole")])
def test_a_message_with_what_xml_cannot_hold_can_still_be_read(service: str, name: str) -> None:
    error = AwsError("no \x00 such \ufffe role \x1b\t", code="NoSuch", status=404, Detail="\x01")
    root = ElementTree.fromstring(body_bytes(codec.serialise_error(route(service, name), error, "id-1")))
    assert "no \ufffd such \ufffd role \ufffd\t" in {each.text for each in root.iter()}


@pytest.mark.parametrize(
    ("made", "start"),
    [
        (None, b'{"__type":"InternalFailure"'),
        (request("POST", "/", {"x-amz-target": "SageMaker.Nope"}), b'{"__type":"InternalFailure"'),
        (request("GET", "/bucket"), b'<?xml version="1.0" encoding="UTF-8"?>\n<Error>'),
        (request("POST", "/", FORM), b'<?xml version="1.0" encoding="UTF-8"?>\n<ErrorResponse>'),
        (
            request(
                "GET",
                "/x",
                {"authorization": SIGNED},
            ),
            b'{"__type":"InternalFailure"',
        ),
    ],
)
def test_an_error_before_the_route_is_known(made: Any, start: bytes) -> None:
    response = codec.serialise_error(None, InternalFailure("See the log for id-1."), "id-1", made)
    assert response.status == 500
    assert body_bytes(response).startswith(start)
