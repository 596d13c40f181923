"""Whatever is sent to an operation that works, shaped right or not, is answered in AWS's form and never by a 500."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import StructureShape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.wire.values import values

from sagewright.bootstrap import load_services
from sagewright.kernel.operations import Operation, all_operations
from sagewright.wire.models import SERVED, service_model

load_services()

pytestmark = pytest.mark.slow

HOSTILE = st.sampled_from(
    [
        "../../etc/passwd",
        "s3://",
        "s3:///x",
        "s3://no-such-bucket/../..",
        "arn:aws:sagemaker:us-east-1:123456789012:training-job/%00",
        "a" * 70,
        "-",
        "${jndi:ldap://x}",
        "'; DROP TABLE resources; --",
        "\u202e\ufdfa🦄",
        "NaN",
    ]
)


@st.composite
def parameters(draw: st.DrawFn, shape: StructureShape, protocol: str) -> dict[str, Any]:
    """Values of the shape's types, some strings replaced by hostile ones, required members mostly present."""
    drawn: dict[str, Any] = draw(values(shape, protocol))
    for name in shape.required_members:
        if name not in drawn and draw(st.integers(0, 9)):
            drawn[name] = draw(values(shape.members[name], protocol, 2))
    for name in [name for name, value in drawn.items() if isinstance(value, str)]:
        if draw(st.booleans()):
            drawn[name] = draw(HOSTILE)
    return drawn


@pytest.mark.parametrize("operation", all_operations(), ids=lambda each: f"{each.service}:{each.name}")
def test_no_input_makes_a_500(operation: Operation, client: Callable[..., Any]) -> None:
    model = service_model(operation.service).operation_model(operation.name)
    protocol = SERVED[operation.service].protocols[0]
    caller = client(operation.service, config=Config(parameter_validation=False, inject_host_prefix=False))

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(parameters(model.input_shape, protocol) if model.input_shape else st.just({}))
    def send(given_parameters: dict[str, Any]) -> None:
        status, answer = 200, None
        try:
            caller._make_api_call(operation.name, given_parameters)
        except ClientError as error:
            status, answer = error.response["ResponseMetadata"]["HTTPStatusCode"], error
        except (BotoCoreError, ValueError, TypeError, AttributeError):
            return  # the client itself cannot send it
        assert status < 500 or status == 501, answer

    send()


def test_a_region_longer_than_any_is_refused_before_it_reaches_a_table(client: Callable[..., Any]) -> None:
    with pytest.raises(ClientError) as refused:
        client("sagemaker", region="r" * 40).list_models()
    assert refused.value.response["Error"]["Code"] == "IncompleteSignatureException"
