"""140 clients that take their time, with a key, without one, as one job: everybody else is answered meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kit.endpoints import Endpoints
from tests.kit.jobs import Jobs
from tests.kit.servers import client, jobs_of
from tests.kit.slow_clients import MIB, hanging, head, memory, slow_clients

from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow
MANY = 140
OBJECT = b"o" * (8 * MIB)
INFERENCE = """
import time
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept):
    body = body if isinstance(body, str) else body.decode()
    if body.startswith("large"):
        return "x" * (16 << 20), "text/plain"
    if body.startswith("slow"):
        return slow(), "text/plain"
    return "short", "text/plain"
def slow():
    yield "begun"
    time.sleep(20)
    yield "ended"
"""
DRIP = """
import socket, time, urllib.parse, boto3
s3 = boto3.client("s3")
held = []
for number in range(140):
    key = dict(Bucket="survivors", Key=f"k{number}")
    url = urllib.parse.urlsplit(s3.generate_presigned_url("put_object", Params=key))
    one = socket.create_connection((url.hostname, url.port or 80), 20)
    lines = f"PUT {url.path}?{url.query} HTTP/1.1", f"Host: {url.netloc}", "Content-Length: 100000000", "", ""
    one.sendall("\\r\\n".join(lines).encode())
    one.sendall(b"x" * 2048)
    held.append(one)
print("all are open", flush=True)
time.sleep(120)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("slow") / "data") as running:
        jobs_of(running).s3.put_object(Bucket="survivors", Key="object", Body=OBJECT)
        yield running
        assert running.log.read_text().count("Traceback") == 0, running.log_tail()


@pytest.fixture(scope="module")
def jobs(server: ServerProcess) -> Jobs:
    return jobs_of(server)


@pytest.fixture(scope="module")
def endpoint(server: ServerProcess, jobs: Jobs) -> Iterator[str]:
    endpoints = Endpoints(jobs, client(server, "sagemaker-runtime"))
    name = endpoints.create(endpoints.config(main={"ModelName": endpoints.model("", INFERENCE)}))
    endpoints.wait(name)
    yield name
    jobs.sagemaker.delete_endpoint(EndpointName=name)


def others_are_answered(server: ServerProcess) -> None:
    s3 = client(server, "s3")
    client(server, "sagemaker").list_models()
    s3.put_object(Bucket="survivors", Key="small", Body=b"small")
    s3.put_object(Bucket="survivors", Key="large", Body=OBJECT)
    assert s3.get_object(Bucket="survivors", Key="large")["Body"].read() == OBJECT


def test_uploads(server: ServerProcess) -> None:
    begun = head(server, "PUT", "/survivors/slow", 100 * MIB) + b"x" * 2048
    with slow_clients(server, MANY, begun) as slow:
        client(server, "sagemaker").list_models()
        assert hanging(slow) > MANY // 2
        others_are_answered(server)
        assert hanging(slow) > MANY // 3


def test_downloads(server: ServerProcess) -> None:
    with slow_clients(server, MANY, head(server, "GET", "/survivors/object"), window=4096) as slow:
        others_are_answered(server)
        for one in slow:
            one.settimeout(20)
            assert one.recv(4) == b"HTTP"


def test_bodies_of_an_unknown_key_are_refused_by_their_heads(server: ServerProcess) -> None:
    for path, service in (("/", "sagemaker"), ("/endpoints/e/invocations", "sagemaker"), ("/survivors/k", "s3")):
        sent = head(
            server, "POST" if service != "s3" else "PUT", path, 25 * MIB, service=service, key="AKIA" + "A" * 16
        )
        with slow_clients(server, MANY, sent + b"x" * 1000) as slow:
            for one in slow:
                one.settimeout(20)
                assert one.recv(13)[9:13] in (b"400 ", b"403 ")
            others_are_answered(server)


@pytest.mark.parametrize("path", ["/", "/endpoints/e/invocations"])
@pytest.mark.parametrize("wrong", ["key", "signature", "nothing"])
def test_memory_of_sixty_bodies(server: ServerProcess, path: str, wrong: str) -> None:
    """16 of 25 MB each: nothing of a stranger's is kept, and of a key's no more than a share."""
    keys = {"key": {"key": "AKIA" + "A" * 16}, "signature": {"secret": "no"}, "nothing": {}}[wrong]
    sent = head(server, "POST", path, 25 * MIB, service="sagemaker", **keys) + b"x" * (16 * MIB)
    others_are_answered(server)
    before = memory(server)
    with slow_clients(server, 60, sent):
        client(server, "sagemaker").list_models()
        assert memory(server) - before < 100 * MIB
        others_are_answered(server)


def test_answers_that_nobody_reads(server: ServerProcess, endpoint: str) -> None:
    before = memory(server)
    path = f"/endpoints/{endpoint}/invocations"
    ask = signed(server, path, b"large")
    with slow_clients(server, 60, ask, window=4096) as slow:
        for one in slow:
            one.settimeout(60)
            assert one.recv(4) == b"HTTP"
        others_are_answered(server)
        runtime = client(server, "sagemaker-runtime")
        assert runtime.invoke_endpoint(EndpointName=endpoint, Body=b"short")["Body"].read() == b"short"
        assert memory(server) - before < 100 * MIB


def signed(server: ServerProcess, path: str, body: bytes) -> bytes:
    return head(server, "POST", path, service="sagemaker", body=body) + body


def test_streams(server: ServerProcess, endpoint: str) -> None:
    """A model that answers one after the other: most wait for their first byte, and hold nothing meanwhile."""
    path = f"/endpoints/{endpoint}/invocations-response-stream"
    with slow_clients(server, MANY, signed(server, path, b"slow")) as slow:
        client(server, "sagemaker").list_models()
        assert hanging(slow) > MANY // 2
        others_are_answered(server)


def test_one_job_by_its_door(server: ServerProcess, jobs: Jobs) -> None:
    name = jobs.start(DRIP)
    jobs.wait(name, lambda _: "all are open" in jobs.log(name))
    others_are_answered(server)
    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    jobs.wait(name, lambda job: job["TrainingJobStatus"] == "Stopped")


def test_a_server_full_of_slow_clients_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        jobs_of(server)
        begun = head(server, "PUT", "/survivors/slow", 100 * MIB) + b"x" * 2048
        with slow_clients(server, MANY, begun) as slow:
            assert hanging(slow) > 0
            assert server.stop(45) == 0


def test_too_many_idle_strangers(server: ServerProcess) -> None:
    with slow_clients(server, 2100, b""):
        others_are_answered(server)
