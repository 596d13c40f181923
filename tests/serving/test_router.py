"""The router over real model server processes: who answers, and what a client is told when nobody does."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.kit.model_server import ModelServer
from tests.kit.routing import KEY, REQUEST, error_of, invoke, run

from sagewright.serving.base import InvokeRequest, InvokeResponse
from sagewright.serving.router import EndpointKey, Router, Timing, Variant, WorkerAddress

MODEL = """
import os, pathlib, time
run = pathlib.Path(os.environ["SAGEWRIGHT_RUN_DIR"])

def model_fn(model_dir): return os.environ["NAME"]

def transform_fn(model, body, content_type, accept, context):
    if body.startswith(b"hold"):
        (run / "held").touch()
        while not (run / "release").exists():
            time.sleep(0.005)
        (run / "held").unlink()
    if body == b"fail":
        raise ValueError("cannot score this")
    if body == b"refuse":
        context.set_response_status(422)
    if body == b"empty":
        context.set_response_status(204)
        return b""
    if body == b"forge":
        return b"", "text/\\x00plain\\r\\u2603"
    attributes = context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")
    if attributes:
        context.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", attributes + ";seen")
    return model.encode() + b":" + body, "text/x-answer"
"""


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def body(text: str) -> InvokeRequest:
    return replace(REQUEST, body=text.encode())


def variant(name: str, weight: float, *servers: ModelServer) -> Variant:
    return Variant(name, weight, tuple(WorkerAddress(f"i-{n}", s.socket) for n, s in enumerate(servers)))


class Fleet:
    """Model servers of one model, and a router to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: list[ModelServer] = []

    def server(self, name: str = "m") -> ModelServer:
        self.servers.append(ModelServer(self.folder, NAME=name))
        return self.servers[-1]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text(MODEL)
    fleet = Fleet(tmp_path)
    yield fleet
    for server in fleet.servers:
        server.__exit__(None, None, None)


@pytest.fixture
def model(fleet: Fleet) -> ModelServer:
    return fleet.server().wait_ready()


def routed(*variants: Variant, timing: Timing | None = None) -> Router:
    router = Router(timing or Timing(tend=0.05))
    router.put(KEY, variants)
    return router


def test_an_answer_comes_back_untouched(model: ModelServer) -> None:
    async def work() -> None:
        router = routed(variant("AllTraffic", 1, model))
        response = await invoke(router, replace(body("1,2\n\0"), custom_attributes="trace=1"))
        assert response == InvokeResponse(b"m:1,2\n\0", "text/x-answer", "AllTraffic", "trace=1;seen")
        assert await invoke(router, body("empty")) == InvokeResponse(b"", "text/plain", "AllTraffic")
        router.close()

    run(work())


def test_what_the_table_does_not_hold(model: ModelServer) -> None:
    async def work() -> None:
        router = routed(variant("a", 1, model), variant("b", 0, model))
        error = await error_of(invoke(router, replace(REQUEST, endpoint="other")))
        assert (error.code, error.status) == ("ValidationError", 400)
        assert error.message == "Endpoint other of account 123456789012 not found."
        error = await error_of(invoke(router, replace(REQUEST, target_variant="c")))
        assert (error.code, error.message) == ("ValidationError", "Variant c of endpoint churn not found.")
        assert (await error_of(invoke(router, replace(REQUEST, target_model="x.tar.gz")))).code == "ValidationError"
        assert (await error_of(invoke(router, replace(REQUEST, content_type="a\nb: c")))).code == "ValidationError"
        router.put(KEY, [variant("b", 0, model)])
        assert (await error_of(invoke(router, REQUEST))).code == "ValidationError"
        router.drop(KEY)
        assert (await error_of(invoke(router, REQUEST))).code == "ValidationError"
        router.close()

    run(work())


def test_weights_share_the_traffic_and_a_target_overrides_them(model: ModelServer) -> None:
    async def work() -> None:
        router = routed(variant("a", 3, model), variant("b", 1, model), variant("c", 0, model))
        answers = await asyncio.gather(*(invoke(router, body(str(n))) for n in range(2000)))
        assert [answer.body for answer in answers] == [f"m:{n}".encode() for n in range(2000)]
        counts = Counter(answer.variant for answer in answers)
        assert counts.keys() == {"a", "b"}
        assert 1380 < counts["a"] < 1620  # six standard deviations around 1500
        assert (await invoke(router, replace(REQUEST, target_variant="c"))).variant == "c"
        router.close()

    run(work())


def test_a_models_error_is_a_model_error(model: ModelServer) -> None:
    async def work() -> None:
        router = routed(variant("a", 1, model))
        error = await error_of(invoke(router, body("fail")))
        assert (error.code, error.status, error.members["OriginalStatusCode"]) == ("ModelError", 424, 500)
        assert error.members["OriginalMessage"].startswith("cannot score this\nTraceback")
        assert error.members["LogStreamArn"] == (
            "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/churn"
        )
        assert error.message.startswith('Received server error (500) from primary with message "cannot score this')
        assert error.message.endswith(
            "logEventViewer:group=/aws/sagemaker/Endpoints/churn in account 123456789012 for more information."
        )
        error = await error_of(invoke(router, body("refuse")))
        assert error.members["OriginalStatusCode"] == 422
        assert error.message.startswith('Received client error (422) from primary with message "m:refuse"')
        router.close()

    run(work())


def test_what_a_model_gives_as_header_is_fit_for_one(model: ModelServer) -> None:
    async def work() -> None:
        router = routed(variant("a", 1, model))
        assert (await invoke(router, body("forge"))).content_type == "text/?plain??"
        router.close()

    run(work())


def test_the_least_loaded_instance_answers(fleet: Fleet) -> None:
    async def work() -> None:
        busy, idle = fleet.server("busy").wait_ready(), fleet.server("idle").wait_ready()
        router = routed(variant("a", 1, busy))
        held = asyncio.create_task(invoke(router, body("hold")))
        await until((busy.run_dir / "held").exists)
        router.put(KEY, [variant("a", 1, busy, idle)])
        for _ in range(6):
            assert (await invoke(router, body("x"))).body == b"idle:x"
        (busy.run_dir / "release").touch()
        assert (await held).body == b"busy:hold"
        bodies = {(await invoke(router, body("x"))).body for _ in range(6)}
        assert bodies == {b"busy:x", b"idle:x"}
        router.close()

    run(work())


def test_an_instance_that_does_not_listen_is_passed_over(fleet: Fleet) -> None:
    async def work() -> None:
        dead, alive = fleet.server("dead").wait_ready(), fleet.server("alive").wait_ready()
        dead.process.kill()
        dead.wait_end()
        router = routed(variant("a", 1, dead, alive))
        for _ in range(4):
            assert (await invoke(router, body("x"))).body == b"alive:x"
        assert router.health(KEY) == {"a": {"i-0": False, "i-1": True}}
        router.put(KEY, [variant("a", 1, dead)])
        error = await error_of(invoke(router, body("x")))
        assert (error.code, error.status) == ("ServiceUnavailable", 503)
        router.close()

    run(work())


def test_an_instance_killed_with_requests_in_flight(fleet: Fleet) -> None:
    async def work() -> None:
        model = fleet.server().wait_ready()
        router = routed(variant("a", 1, model))
        answers = [asyncio.create_task(invoke(router, body("hold"))) for _ in range(5)]
        await until((model.run_dir / "held").exists)
        model.process.kill()
        for answer in answers:
            error = await error_of(answer)
            assert (error.code, error.members["OriginalStatusCode"]) == ("ModelError", 0)
            assert "the model process exited" in error.members["OriginalMessage"]
        assert router.health(KEY) == {"a": {"i-0": False}}
        revived = fleet.server("revived").wait_ready()
        revived.socket.replace(model.socket)
        await until(lambda: router.health(KEY) == {"a": {"i-0": True}})
        assert (await invoke(router, body("x"))).body == b"revived:x"
        router.close()

    run(work())


def test_a_connection_that_breaks_before_the_request_is_written(fleet: Fleet) -> None:
    async def work() -> None:
        breaking, whole = fleet.server("breaking").wait_ready(), fleet.server("whole").wait_ready()
        router = routed(variant("a", 1, breaking, whole))
        router.start()
        await until(lambda: router.health(KEY) == {"a": {"i-0": True, "i-1": True}})
        answers = [asyncio.create_task(invoke(router, body(str(n)))) for n in range(20)]
        await asyncio.sleep(0)  # asked, not yet sent
        transport = router._workers[breaking.socket]._transport
        assert transport is not None
        transport.abort()
        assert {(await answer).body.partition(b":")[0] for answer in answers} <= {b"breaking", b"whole"}
        router.close()

    run(work())


def test_a_model_that_takes_too_long(model: ModelServer) -> None:
    async def work() -> None:
        router = routed(variant("a", 1, model), timing=Timing(invoke=0.2, tend=0.05))
        error = await error_of(invoke(router, body("hold")))
        assert (error.code, error.members["OriginalStatusCode"]) == ("ModelError", 0)
        assert error.members["OriginalMessage"].startswith("Your invocation timed out")
        (model.run_dir / "release").touch()  # the late answer is nobody's
        await until(lambda: not (model.run_dir / "held").exists())
        assert (await invoke(router, body("x"))).body == b"m:x"
        router.close()

    run(work())


def test_clients_that_hang_up_disturb_nobody(model: ModelServer) -> None:
    async def work() -> None:
        router = routed(variant("a", 1, model))
        first = asyncio.create_task(invoke(router, body("hold")))
        await until((model.run_dir / "held").exists)
        answers = [asyncio.create_task(invoke(router, body(str(n)))) for n in range(100)]
        answers += [asyncio.create_task(invoke(router, body("unborn")))]
        answers[-1].cancel()  # before it was ever sent
        await asyncio.sleep(0)
        for answer in (first, *answers[::2]):
            answer.cancel()
        (model.run_dir / "release").touch()
        assert [(await answer).body for answer in answers[1:100:2]] == [f"m:{n}".encode() for n in range(1, 100, 2)]
        assert router.health(KEY) == {"a": {"i-0": True}}
        router.close()

    run(work())


def test_a_worker_taken_out_of_the_table_still_answers_what_it_has(fleet: Fleet) -> None:
    async def work() -> None:
        old, new = fleet.server("old").wait_ready(), fleet.server("new").wait_ready()
        router = routed(variant("a", 1, old))
        held = asyncio.create_task(invoke(router, body("hold")))
        await until((old.run_dir / "held").exists)
        setter = threading.Thread(target=lambda: router.put(KEY, [variant("a", 1, new)]))
        setter.start()
        await asyncio.to_thread(setter.join)
        assert (await invoke(router, body("x"))).body == b"new:x"
        (old.run_dir / "release").touch()
        assert (await held).body == b"old:hold"
        router.close()

    run(work())


def test_an_instance_that_stops_answering_pings_is_the_last_choice(fleet: Fleet) -> None:
    import signal

    async def work() -> None:
        stuck, alive = fleet.server("stuck").wait_ready(), fleet.server("alive").wait_ready()
        router = routed(variant("a", 1, stuck, alive), timing=Timing(tend=0.05, ping=0.1))
        router.start()
        await until(lambda: router.health(KEY) == {"a": {"i-0": True, "i-1": True}})
        stuck.process.send_signal(signal.SIGSTOP)
        await until(lambda: router.health(KEY) == {"a": {"i-0": False, "i-1": True}})
        for _ in range(4):
            assert (await invoke(router, body("x"))).body == b"alive:x"
        stuck.process.send_signal(signal.SIGCONT)
        await until(lambda: router.health(KEY) == {"a": {"i-0": True, "i-1": True}})
        router.close()

    run(work())


def test_the_counts_of_a_variant(model: ModelServer) -> None:
    async def work() -> None:
        router = routed(variant("a", 1, model), variant("b", 0))
        for text in ("x", "x", "fail", "refuse"):
            await asyncio.gather(invoke(router, body(text)), return_exceptions=True)
        await error_of(invoke(router, replace(REQUEST, target_variant="b")))
        a, b = router.drain_metrics()
        assert (a.endpoint, a.variant, a.invocations) == ("churn", "a", 4)
        assert (a.errors_4xx, a.errors_5xx, a.model_errors) == (1, 1, 2)
        assert a.model_latency.count == 4
        assert 0 < a.model_latency.minimum <= a.model_latency.total / 4 <= a.model_latency.maximum < 30e6
        assert a.overhead_latency.count == 4
        assert (b.invocations, b.errors_5xx, b.model_errors, b.model_latency.count) == (1, 1, 0, 0)
        assert router.drain_metrics() == []
        assert router.health(EndpointKey("1", "r", "none")) is None
        router.close()

    run(work())
