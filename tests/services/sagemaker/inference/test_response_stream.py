"""InvokeEndpointWithResponseStream through boto3: answers come while the model still makes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.eventstream import EventStreamError
from botocore.exceptions import ClientError
from tests.kit.endpoints import Endpoints
from tests.kit.eventually import eventually
from tests.kit.jobs import Jobs

pytestmark = pytest.mark.slow

INFERENCE = """
import time
ended = []
def model_fn(model_dir):
    return None
def input_fn(body, content_type):
    return body.decode()
def predict_fn(data, model):
    return data
def output_fn(word, accept):
    if word == "ended":
        return ",".join(ended), "text/plain"
    if word == "refuse":
        raise ValueError("not this word")
    if word == "whole":
        return "x" * 3_000_000, "text/plain"
    return speak(word), "text/x-times"
def speak(word):
    try:
        for number in range(500 if word == "endless" else 5):
            yield f"{time.time()}\\n"
            time.sleep(0.2)
            if word == "break" and number == 1:
                raise ValueError("lost the thread")
    finally:
        ended.append(word)
"""


@pytest.fixture(scope="module")
def name(jobs: Jobs, runtime: Any) -> Iterator[str]:
    endpoints = Endpoints(jobs, runtime)
    made = endpoints.create(endpoints.config(main={"ModelName": endpoints.model("", INFERENCE)}))
    endpoints.wait(made)
    yield made
    jobs.sagemaker.delete_endpoint(EndpointName=made)


@pytest.fixture(scope="module")
def runtime(client: Callable[..., Any]) -> Any:
    return client("sagemaker-runtime")


def ask(runtime: Any, name: str, word: str) -> Any:
    return runtime.invoke_endpoint_with_response_stream(EndpointName=name, Body=word, ContentType="text/x-word")


def payloads(answer: Any) -> Iterator[bytes]:
    for event in answer["Body"]:
        yield event["PayloadPart"]["Bytes"]


def test_parts_come_while_the_model_makes_them(runtime: Any, name: str) -> None:
    answer = ask(runtime, name, "times")
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/x-times", "main")
    parts = payloads(answer)
    said = [next(parts)]
    received = time.time()
    said += parts
    assert len(said) == 5
    assert received < float(said[-1]), "the first part was there before the last was made"


def test_an_answer_in_one_piece_is_cut(runtime: Any, name: str) -> None:
    said = list(payloads(ask(runtime, name, "whole")))
    assert b"".join(said) == b"x" * 3_000_000
    assert len(said) == 3


def test_who_does_not_stream_gets_all_parts_at_once(runtime: Any, name: str) -> None:
    answer = runtime.invoke_endpoint(EndpointName=name, Body="times", ContentType="text/x-word")
    assert answer["ContentType"] == "text/x-times"
    assert len(answer["Body"].read().splitlines()) == 5
    with pytest.raises(ClientError) as error:
        runtime.invoke_endpoint(EndpointName=name, Body="break", ContentType="text/x-word")
    assert "lost the thread" in error.value.response["OriginalMessage"]


def test_an_error_before_the_first_part_is_the_calls(runtime: Any, name: str) -> None:
    with pytest.raises(ClientError) as error:
        ask(runtime, name, "refuse")
    assert error.value.response["Error"]["Code"] == "ModelError"
    assert "not this word" in error.value.response["OriginalMessage"]
    with pytest.raises(ClientError) as error:
        ask(runtime, "nowhere", "x")
    assert error.value.response["Error"]["Code"] == "ValidationError"


def test_an_error_later_is_the_streams(runtime: Any, name: str) -> None:
    parts = payloads(ask(runtime, name, "break"))
    assert [float(next(parts)) < time.time(), float(next(parts)) < time.time()] == [True, True]
    with pytest.raises(EventStreamError, match="lost the thread") as error:
        next(parts)
    assert error.value.response["Error"]["Code"] == "ModelStreamError"


def test_a_client_that_hangs_up_stops_the_model(runtime: Any, name: str) -> None:
    answer = ask(runtime, name, "endless")
    next(payloads(answer))
    answer["Body"].close()

    def over() -> bool:
        found = runtime.invoke_endpoint(EndpointName=name, Body="ended", ContentType="text/x-word")
        return "endless" in found["Body"].read().decode()

    eventually(over, what=lambda: "the model speaks on to nobody", seconds=30)
