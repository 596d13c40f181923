"""Every operation of every served service, both ways, against botocore's own serialisers and parsers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from tests.kit.round_trip import for_all, without_empty
from tests.kit.wire_exchange import parsed, serialised
from tests.kit.wire_values import plain, values

from sagewright.wire import codec
from sagewright.wire.http import BytesReader
from sagewright.wire.models import SERVED, service_model
from sagewright.wire.routing import Route

SPECIAL = ("GetBucketLocation",)
"""Read by botocore's client, not by its parser: see test_clients."""
CASES = [(served.name, protocol) for served in SERVED.values() for protocol in served.protocols]


def read_streams(value: dict[str, Any]) -> dict[str, Any]:
    return {name: item.read() if isinstance(item, BytesReader) else item for name, item in value.items()}


def routes(service: str, protocol: str) -> list[Route]:
    model = service_model(service)
    return [Route(service, model.operation_model(name), protocol) for name in model.operation_names]


@pytest.mark.parametrize(("service", "protocol"), CASES)
def test_what_botocore_sends_is_what_we_read(service: str, protocol: str) -> None:
    def check(case: tuple[Route, dict[str, Any]]) -> None:
        route, sent = case
        request = serialised(route.operation, sent, protocol)
        read = read_streams(codec.parse(route, request))
        if "ContentLength" not in sent:
            read.pop("ContentLength", None)  # botocore's own header
        assert without_empty(read) == without_empty(plain(sent)), route.operation.name

    for route in routes(service, protocol):
        shape = route.operation.input_shape
        for_all(st.tuples(st.just(route), values(shape, protocol) if shape else st.just({})), check)


@pytest.mark.parametrize(("service", "protocol"), CASES)
def test_what_we_answer_is_what_botocore_reads(service: str, protocol: str) -> None:
    def check(case: tuple[Route, dict[str, Any]]) -> None:
        route, result = case
        read = parsed(route.operation, codec.serialise(route, result, "id-1"), protocol)
        assert without_empty(plain(read)) == without_empty(plain(result)), route.operation.name

    for route in routes(service, protocol):
        operation, shape = route.operation, route.operation.output_shape
        if operation.has_event_stream_output or operation.http["method"] == "HEAD" or operation.name in SPECIAL:
            continue
        for_all(st.tuples(st.just(route), values(shape, protocol) if shape else st.just({})), check)
