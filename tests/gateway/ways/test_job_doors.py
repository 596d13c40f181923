"""Doors: what jobs find at theirs, and what they do not."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.kit.house import House
from tests.kit.http import eventually

from sagewright.access.role_making import TRUST, make, trust_of
from sagewright.core.config import Settings
from sagewright.gateway.http import tls
from sagewright.gateway.http.limits import Limits
from sagewright.gateway.ways.connect import NO_FURTHER
from sagewright.gateway.ways.job_doors import RENEW_SECONDS
from sagewright.services.iam._defaults import ensure_defaults
from sagewright.wire.http import Door

ROLE = "arn:aws:iam::123456789012:role/SagewrightExecutionRole"


@dataclass
class Ahead:
    """The real time, and as much more as it is told."""

    seconds: float = 0.0

    def now(self) -> float:
        return time.time() + self.seconds


@dataclass
class Job:
    """A job's side of a door that the house attends."""

    house: House
    run_id: str
    role: str = ROLE
    tunnels: bool = False
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def __post_init__(self) -> None:
        self.port = self.listener.getsockname()[1]
        self.lifeline, theirs = socket.socketpair()
        self.path = f"/v2/credentials/{self.run_id}-secret"
        door = Door(self.run_id, self.role, self.path, self.tunnels)
        self.house.doors.admit(door, self.listener.dup(), theirs)

    def get(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read()

    def keys(self) -> dict[str, str]:
        status, body = self.get(self.path)
        assert status == 200, body
        found: dict[str, str] = json.loads(body)
        return found

    def end(self) -> None:
        self.lifeline.close()
        self.listener.close()


@pytest.fixture(scope="module")
def clock() -> Ahead:
    return Ahead()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, clock: Ahead) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"), clock)
    ensure_defaults(made.platform.resources, made.credentials, Settings(data_dir=made.settings.data_dir))
    yield made
    made.server.stop(0)


@pytest.fixture
def job(house: House, clock: Ahead, request: pytest.FixtureRequest) -> Iterator[Job]:
    made = Job(house, request.node.name)
    yield made
    made.end()
    clock.seconds = 0.0


def test_keys_are_the_roles_own_and_sign_requests(house: House, job: Job) -> None:
    keys = job.keys()
    assert (keys["RoleArn"], keys["AccessKeyId"][:4]) == (ROLE, "ASIA")
    assert keys["Expiration"].endswith("Z")
    known = house.credentials.find(keys["AccessKeyId"])
    assert known is not None
    assert known.principal == "arn:aws:sts::123456789012:assumed-role/SagewrightExecutionRole/SageMaker"
    assert known.user_id.endswith(":SageMaker")
    assert (known.secret, known.token) == (keys["SecretAccessKey"], keys["Token"])


def test_keys_are_kept_until_they_age(job: Job, clock: Ahead) -> None:
    first = job.keys()
    assert job.keys() == first
    clock.seconds = 3600 - RENEW_SECONDS - 60
    assert job.keys() == first
    clock.seconds = 3600 - RENEW_SECONDS + 60
    second = job.keys()
    assert second["AccessKeyId"] != first["AccessKeyId"]
    assert second["Expiration"] > first["Expiration"]


def test_a_role_that_is_gone_has_no_keys_and_one_made_again_has_others(house: House, clock: Ahead) -> None:
    arn, resources = "arn:aws:iam::123456789012:role/again", house.platform.resources
    made = [make(resources, arn, role_id="AROAFIRST", trust=trust_of(TRUST), description="")]
    job = Job(house, "again", role=arn)
    first = job.keys()
    resources.delete(made[0])
    assert job.get(job.path)[0] == 404
    make(resources, arn, role_id="AROASECOND", trust=trust_of(TRUST), description="")
    second = job.keys()
    known = [house.credentials.find(keys["AccessKeyId"]) for keys in (first, second)]
    assert [key.user_id for key in known if key is not None] == ["AROAFIRST:SageMaker", "AROASECOND:SageMaker"]
    assert job.keys() == second
    job.end()


def test_keys_of_a_run_that_is_over_are_gone(house: House, job: Job, clock: Ahead) -> None:
    other = Job(house, "another")
    theirs, mine = other.keys(), [job.keys()]
    clock.seconds = 3000
    mine.append(job.keys())
    house.doors.dismiss(job.run_id)
    assert [house.credentials.find(keys["AccessKeyId"]) for keys in mine] == [None, None]
    assert house.credentials.find(theirs["AccessKeyId"]) is not None
    other.end()


@pytest.mark.parametrize("path", ["/v2/credentials/other-secret", "/v2/credentials/", "/v2/credentials/%C3%A9"])
def test_no_other_address_has_keys(job: Job, path: str) -> None:
    status, body = job.get(path)
    assert (status, json.loads(body)["code"]) == (404, "NotFound")
    assert job.get(job.path, "POST")[0] == 404


def test_the_port_has_no_keys(house: House, job: Job) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", house.port, timeout=10)) as connection:
        connection.request("GET", job.path)
        answer = connection.getresponse()
        assert (answer.status, b"<Code>NoSuchBucket</Code>" in answer.read()) == (404, True)  # to S3 it is an object


def test_a_role_that_is_gone_has_no_keys(house: House) -> None:
    job = Job(house, "orphan", role="arn:aws:iam::123456789012:role/Gone")
    status, body = job.get(job.path)
    assert (status, json.loads(body)["message"]) == (404, f"The role {job.role} is not there any more.")
    job.end()


def test_our_own_routes_are_not_for_jobs(job: Job) -> None:
    status, body = job.get("/_sagewright/own")
    assert status == 404
    assert b"<Code>NoSuchBucket</Code>" in body


def test_requests_are_signed_or_refused(job: Job) -> None:
    status, body = job.get("/", "POST", {"x-amz-target": "SageMaker.ListTrainingJobs"})
    assert (status, b"MissingAuthenticationToken" in body) == (400, True)


def test_what_jobs_have_mounted_stays_the_same_file(tmp_path: Path) -> None:
    first = tls.bundle(tmp_path, {})
    known = first.stat()
    other = tls.bundle(tmp_path, {"AWS_CA_BUNDLE": str(tmp_path / "none")})  # as from a shell with one of its own
    assert tls.bundle(tmp_path, {}) == first != other
    assert (first.stat().st_ino, first.stat().st_nlink) == (known.st_ino, 1)


def test_a_tunnel_leads_to_sts_and_no_further(house: House, job: Job) -> None:
    def connect(target: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", job.port, timeout=10, context=ssl.create_default_context(cafile=trust)
        )
        connection.set_tunnel(target, 443)
        return connection

    trust = str(house.doors.files()["trust"])
    assert tls.identity(house.settings.data_dir).authority.read_text().strip() in Path(trust).read_text()
    with contextlib.closing(connect("sts.eu-west-1.amazonaws.com")) as sts:
        sts.request("GET", job.path)
        assert json.loads(sts.getresponse().read())["RoleArn"] == ROLE
    for host in ("127.0.0.1", "example.com"):
        with contextlib.closing(connect(host)) as far, pytest.raises(OSError, match=NO_FURTHER):
            far.request("GET", "/")


def test_a_job_with_the_machines_network_may_be_tunnelled(house: House) -> None:
    job = Job(house, "free", tunnels=True)
    far, near = socket.create_server(("127.0.0.1", 0)), socket.create_connection(("127.0.0.1", job.port), timeout=10)
    with far, near:
        near.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % far.getsockname()[1])
        assert near.recv(100).startswith(b"HTTP/1.1 200")
    job.end()


def test_one_job_takes_no_more_than_its_connections_and_is_not_locked_out_by_them(job: Job) -> None:
    most = Limits().door_connections
    with contextlib.ExitStack() as held:
        idle = [
            held.enter_context(socket.create_connection(("127.0.0.1", job.port), timeout=10)) for _ in range(most + 1)
        ]
        closed, _, _ = select.select(idle, [], [], 10)  # one of those that came in the same moment
        assert closed[0].recv(1) == b""
        assert answer_to_one_more(job.port).startswith(b"HTTP/1.1 200")


def answer_to_one_more(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        one.sendall(b"GET /v2/credentials/x HTTP/1.1\r\nHost: x\r\n\r\n")
        return one.recv(100).replace(b" 404 ", b" 200 ")


def test_a_door_is_closed_with_its_agent(job: Job) -> None:
    job.keys()
    job.end()

    def refused(_: Any = None) -> bool:
        try:
            socket.create_connection(("127.0.0.1", job.port), timeout=10).close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            pass  # it was closed in just this moment
        return False

    eventually(refused)


def test_a_server_that_has_stopped_leaves_callers_to_the_next(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.server.stop(0)
    job = Job(house, "late")
    with socket.create_connection(("127.0.0.1", job.port), timeout=10):
        assert job.listener.accept()
    job.lifeline.settimeout(10)
    assert job.lifeline.recv(1) == b""
    job.end()
