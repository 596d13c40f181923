"""Signatures that are too old or too young, as boto3 with a wrong clock sends them; and one that is sent again."""

from __future__ import annotations

import datetime
import http.client
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import botocore.crt.auth
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError

from sagewright.testing.server import ServerProcess

Client = Callable[..., Any]
CALLS = {
    "sts": (lambda client: client.get_caller_identity(), "SignatureDoesNotMatch"),
    "logs": (lambda client: client.describe_log_groups(), "InvalidSignatureException"),
    "s3": (lambda client: client.list_buckets(), "RequestTimeTooSkewed"),
}


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize(("minutes", "accepted"), [(-16, False), (-14, True), (14, True), (16, False)])
def test_clocks_may_differ_by_a_quarter_of_an_hour(
    client: Client, monkeypatch: pytest.MonkeyPatch, service: str, minutes: int, accepted: bool
) -> None:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)

    def now(remove_tzinfo: bool = True) -> datetime.datetime:
        return moment.replace(tzinfo=None) if remove_tzinfo else moment

    for module in (botocore.auth, botocore.crt.auth):
        monkeypatch.setattr(module, "get_current_datetime", now)
    call, code = CALLS[service]
    if accepted:
        call(client(service))
        return
    with pytest.raises(ClientError) as error:
        call(client(service))
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


def test_a_recorded_request_is_good_for_nothing_else(client: Client, server: ServerProcess) -> None:
    """Sent again it does what it did, as on AWS; with anything changed it does nothing."""
    recorded: list[AWSPreparedRequest] = []
    s3 = client("s3")
    s3.create_bucket(Bucket="replayed")
    s3.meta.events.register("before-send.s3.PutObject", lambda request, **_: recorded.append(request))
    s3.put_object(Bucket="replayed", Key="a", Body=b"mine")
    (request,) = recorded
    headers = {name: value if isinstance(value, str) else value.decode() for name, value in request.headers.items()}
    headers.pop("Expect", None)

    def send(method: str, path: str, body: bytes) -> int:
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
        connection.request(method, path, body, headers | {"Content-Length": str(len(body))})
        status = connection.getresponse().status
        connection.close()
        return status

    assert send("PUT", "/replayed/a", b"mine") == 200
    assert send("PUT", "/replayed/b", b"mine") == 403
    assert send("DELETE", "/replayed/a", b"mine") == 403
    assert send("PUT", "/replayed/a?acl", b"mine") == 403
    assert send("PUT", "/replayed/a", b"hers") in (400, 403)
    assert s3.get_object(Bucket="replayed", Key="a")["Body"].read() == b"mine"
