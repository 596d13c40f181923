"""Services that once spoke query: their errors keep the old codes, in ``x-amzn-query-error``."""

from __future__ import annotations

import pytest
from botocore.model import Shape
from tests.kit.wire_exchange import parsed, request

from sagewright.core.errors import AwsError
from sagewright.wire import codec
from sagewright.wire.models import SERVED, service_model
from sagewright.wire.routing import Route

COMPATIBLE = [name for name in SERVED if service_model(name).is_query_compatible]
ASKED = request(headers={"x-amzn-query-mode": "true"})


def test_there_are_such_services() -> None:
    assert COMPATIBLE == ["cloudwatch"]


def throwers(service: str) -> list[tuple[str, Shape]]:
    """Each error of the model with an operation that throws it."""
    model = service_model(service)
    return [(name, shape) for name in model.operation_names for shape in model.operation_model(name).error_shapes]


@pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor"])
@pytest.mark.parametrize("service", COMPATIBLE)
def test_every_error_has_its_old_code(service: str, protocol: str) -> None:
    assert protocol in SERVED[service].protocols
    for name, shape in throwers(service):
        model = shape.metadata.get("error", {})
        old = model.get("code", shape.name)
        operation = service_model(service).operation_model(name)
        status = model.get("httpStatusCode", 400)
        answer = codec.serialise_error(
            Route(service, operation, protocol), AwsError("no", code=old, status=status), "id-1", ASKED
        )
        assert answer.status == status
        fault = "Sender" if model.get("senderFault") or status < 500 else "Receiver"
        assert answer.headers["x-amzn-query-error"] == f"{old};{fault}"
        read = parsed(operation, answer, protocol)["Error"]
        assert read == {"Code": old, "Message": "no", "QueryErrorCode": shape.name, "Type": fault}


@pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor"])
def test_who_does_not_ask_gets_none(protocol: str) -> None:
    operation = service_model("cloudwatch").operation_model("ListMetrics")
    error = AwsError("no", code="InvalidParameterValue")
    answer = codec.serialise_error(Route("cloudwatch", operation, protocol), error, "id-1", request())
    assert "x-amzn-query-error" not in answer.headers
