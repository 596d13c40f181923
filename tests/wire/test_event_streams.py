"""Event streams that we frame, read by botocore: every stream that a served service answers with."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.eventstream import EventStreamError
from botocore.model import StructureShape
from hypothesis import strategies as st
from tests.kit.round_trip import for_all, without_empty
from tests.kit.wire_exchange import streamed
from tests.kit.wire_values import plain, values

from sagewright.core.errors import AwsError
from sagewright.wire import codec
from sagewright.wire.models import SERVED, service_model
from sagewright.wire.routing import Route

STREAMS = [
    (served.name, name, protocol)
    for served in SERVED.values()
    for protocol in served.protocols
    for name in service_model(served.name).operation_names
    if service_model(served.name).operation_model(name).has_event_stream_output
]


def stream_of(shape: StructureShape | None) -> tuple[str, StructureShape]:
    assert shape is not None
    return shape.event_stream_name, shape.members[shape.event_stream_name]


def test_the_streams_are_known() -> None:
    assert [name for _, name, _ in STREAMS] == [
        "InvokeEndpointWithResponseStream",
        "SelectObjectContent",
        "GetLogObject",
        "StartLiveTail",
    ]


@pytest.mark.parametrize(("service", "name", "protocol"), STREAMS)
def test_events_come_back(service: str, name: str, protocol: str) -> None:
    operation = service_model(service).operation_model(name)
    member, stream = stream_of(operation.output_shape)
    kinds = {kind: shape for kind, shape in stream.members.items() if not shape.metadata.get("exception")}
    events = [st.fixed_dictionaries({kind: values(shape, protocol)}) for kind, shape in kinds.items()]
    others = {
        key: values(shape, protocol)
        for key, shape in operation.output_shape.members.items()  # type: ignore[union-attr]
        if key != member
    }

    def check(case: tuple[list[Any], dict[str, Any]]) -> None:
        sent, rest = case
        answer = codec.serialise(Route(service, operation, protocol), {**rest, member: iter(sent)}, "id-1")
        head, events = streamed(operation, answer, protocol, member)
        assert plain(head) == plain(rest)
        assert [without_empty(plain(event)) for event in events] == [without_empty(plain(event)) for event in sent]

    for_all(st.tuples(st.lists(st.one_of(events), max_size=5), st.fixed_dictionaries(others)), check)


@pytest.mark.parametrize(("service", "name", "protocol"), STREAMS)
def test_a_stream_that_fails_says_why(service: str, name: str, protocol: str) -> None:
    operation = service_model(service).operation_model(name)
    member, stream = stream_of(operation.output_shape)
    known = [kind for kind, shape in stream.members.items() if shape.metadata.get("exception")]
    for code in [*known, "SomethingElse"]:

        def broken(code: str = code) -> Any:
            yield from ()
            raise AwsError("it broke ü", code=code)

        answer = codec.serialise(Route(service, operation, protocol), {member: broken()}, "id-1")
        _, events = streamed(operation, answer, protocol, member)
        with pytest.raises(EventStreamError) as caught:
            next(events)
        assert caught.value.response["Error"] == {"Code": code, "Message": "it broke ü"}
