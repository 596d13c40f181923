"""What permission and validation cost of a request, step by step, in one process."""

from __future__ import annotations

import json
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks.tools import ROLE, table
from sagewright.access.authorization import Authorizer
from sagewright.access.identity import GLOBAL
from sagewright.bootstrap import load_services
from sagewright.core.clock import SystemClock
from sagewright.core.config import Settings
from sagewright.gateway.aws import steps
from sagewright.gateway.aws.app import Gateway
from sagewright.gateway.http import heads
from sagewright.gateway.http.server import Server
from sagewright.gateway.ways.invoke import Invocations
from sagewright.nouns.operations import Platform
from sagewright.services.iam import ensure_defaults
from sagewright.serving.base import InvokeRequest, InvokeResponse
from sagewright.store import migrate
from sagewright.store.changes import ChangeLog
from sagewright.store.credentials import Credential, CredentialStore
from sagewright.store.database import Database
from sagewright.store.events import EventStore
from sagewright.store.links import LinkStore
from sagewright.store.logs import LogStore
from sagewright.store.metrics import MetricStore
from sagewright.store.objects import ObjectStore
from sagewright.store.resources import ResourceStore
from sagewright.store.tags import TagStore
from sagewright.wire import codec
from sagewright.wire.http import BytesReader, Request, Response

ROUNDS = 1000
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
HOST = "http://127.0.0.1:9"
TEXT = """\
## Authorisation and validation

Time in µs of one step of a request, in the server's own code; medians of {rounds}, each with another name. *whole* is
without the HTTP front; *client* is what a client sees on a connection that it keeps, from the first byte sent to the
last one received. *administrator* is the first key; *role* a session of a role with AmazonSageMakerFullAccess (44
statements) and AmazonS3FullAccess; *conditions* a user whose every permission hangs on who calls and from which
address, so that no answer can be kept.
"""

Make = Callable[[Credential, int], Request]


def run() -> str:
    load_services()
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="sagewright-bench-") as folder, _bench(Path(folder)) as bench:
        for who, key in bench.keys.items():
            for name, make in CALLS.items():
                rows.append([name, who, *bench.measure(key, make)])
            rows.append(["InvokeEndpoint", who, *bench.measure_invoke(key)])
    head = ["request", "caller", "whole", "authorise", "validate", "share of both", "client", "share of that"]
    return TEXT.format(rounds=ROUNDS) + "\n" + table(head, rows)


class Models:
    """Answers at once: what is left is the front's own time."""

    def ask(self, request: InvokeRequest, done: Callable[[InvokeResponse | Exception], None]) -> bool:
        done(InvokeResponse(request.body, "text/csv", "blue", None))
        return True

    async def invoke(
        self,
        request: InvokeRequest,
        part: Callable[[InvokeResponse], None] | None = None,  # noqa: ARG002 - an Invoker has it
    ) -> InvokeResponse:
        return InvokeResponse(request.body, "text/csv", "blue", None)


class Bench:
    """A gateway on real stores, with three callers."""

    def __init__(self, folder: Path) -> None:
        clock, settings = SystemClock(), Settings(data_dir=folder)
        database = Database(f"sqlite:///{folder / 'bench.db'}")
        migrate.upgrade(database)
        resources, credentials = ResourceStore(database, clock), CredentialStore(database, clock)
        self._platform = Platform(
            settings=settings,
            clock=clock,
            resources=resources,
            events=EventStore(database),
            changes=ChangeLog(database, clock),
            links=LinkStore(database, clock),
            tags=TagStore(database),
            credentials=credentials,
            logs=LogStore(database, folder / "logs", clock),
            metrics=MetricStore(database, clock),
            objects=ObjectStore(database, folder / "objects", clock),
            access=Authorizer(resources, credentials, clock),
            hint=lambda _: None,
        )
        self._gateway = Gateway(self._platform, {}, lambda _: None)
        self._fast = Invocations(self._platform, Models()).fast_path()
        self._server = Server(self._gateway, host="127.0.0.1", port=0, fast=self._fast)
        self._port = self._server.start()
        self.keys = {
            "administrator": ensure_defaults(resources, credentials, settings),
            "role": self._role(),
            "conditions": self._user(),
        }
        self._platform.objects.create_bucket("bench", settings.account_id, "us-east-1")

    def _role(self) -> Credential:
        session = "arn:aws:sts::123456789012:assumed-role/SagewrightExecutionRole/bench"
        role = self._platform.resources.by_arn("arn:aws:iam::123456789012:role/SagewrightExecutionRole")
        assert role is not None
        return self._platform.credentials.issue(session, f"{role.spec['RoleId']}:bench", 3600)

    def _user(self) -> Credential:
        condition = {
            "StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/bench"},
            "IpAddress": {"aws:SourceIp": "127.0.0.0/8"},
        }
        may = {"Effect": "Allow", "Action": ["sagemaker:*", "s3:*", "iam:PassRole"], "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [may | {"Condition": condition}]})
        arn = "arn:aws:iam::123456789012:user/bench"
        self._platform.resources.create(
            account="123456789012",
            region=GLOBAL,
            kind="User",
            name="bench",
            arn=arn,
            spec={"UserId": "AIDABENCH"},
            status={"Attached": [], "Inline": {"p": document}},
        )
        return self._platform.credentials.issue(arn, "AIDABENCH")

    def measure(self, key: Credential, make: Make) -> list[str]:
        """Medians of the whole request, of its authorisation and of its validation."""
        spent: dict[str, list[float]] = {"authorize": [], "check": []}
        whole = []
        with (
            patch.object(steps, "authorize", _timed(steps.authorize, spent["authorize"])),
            patch.object(codec, "check", _timed(codec.check, spent["check"])),
        ):
            for number in range(ROUNDS):
                request = make(key, number)
                begun = time.perf_counter()
                answer = self._gateway.handle(request)
                whole.append(time.perf_counter() - begun)
                assert answer.status < 300, answer.body
        seen = self._seen(make(key, number) for number in range(ROUNDS, 2 * ROUNDS))
        return _cells(whole, spent["authorize"], spent["check"], seen)

    def measure_invoke(self, key: Credential) -> list[str]:
        """The fast path; its validation is of the endpoint's name alone, and counted as part of the whole."""
        self._seen([invocation(key)])  # what only the store knows is asked for once
        fast, spent, whole = self._fast, list[float](), list[float]()
        with patch.object(Invocations, "_is_allowed", _timed(Invocations._is_allowed, spent)):
            for _ in range(ROUNDS):
                request, answers = invocation(key), list[Response]()
                begun = time.perf_counter()
                awaited = fast.answer(request, b"1,2,3", answers.append)
                whole.append(time.perf_counter() - begun)
                assert awaited is None
                assert answers[0].status == 200, answers[0].body
        return _cells(whole, spent, [0.0], self._seen(invocation(key) for _ in range(ROUNDS)))

    def _seen(self, requests: Iterable[Request]) -> list[float]:
        """What each request takes as its client sees it, one after the other on one connection."""
        times = []
        with socket.create_connection(("127.0.0.1", self._port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in requests:
                raw = _raw(request)
                begun = time.perf_counter()
                connection.sendall(raw)
                answer = _answer(connection)
                times.append(time.perf_counter() - begun)
                assert answer.startswith(b"HTTP/1.1 2"), answer
        return times

    def close(self) -> None:
        self._server.stop(0)
        self._platform.objects.close()


@contextmanager
def _bench(folder: Path) -> Iterator[Bench]:
    made = Bench(folder)
    yield made
    made.close()


def _timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        begun = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            spent.append(time.perf_counter() - begun)

    return timed


def _cells(*times: list[float]) -> list[str]:
    whole, asking, checking, seen = (statistics.median(each) * 1e6 for each in times)
    both = asking + checking
    return [
        f"{whole:.0f}",
        f"{asking:.1f}",
        f"{checking:.1f}",
        f"{both / whole:.1%}",
        f"{seen:.0f}",
        f"{both / seen:.1%}",
    ]


def _raw(request: Request) -> bytes:
    """A request as bytes."""
    target = f"{request.raw_path}?{request.raw_query}" if request.raw_query else request.raw_path
    lines = [f"{request.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
    return "\r\n".join((*lines, "", "")).encode() + request.body.read()


def _answer(connection: socket.socket) -> bytes:
    """The next answer, whole."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(
        next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")).split(b":")[1]
    )
    while len(body) < length:
        body += _more(connection)
    return head + body


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 20)
    if not data:
        raise RuntimeError("the server hung up")
    return data


def invocation(key: Credential) -> Request:
    return signed(key, "sagemaker", "POST", "/endpoints/e/invocations", b"1,2,3")


def signed(key: Credential, service: str, method: str, path: str, body: bytes = b"", **headers: str) -> Request:
    """A request as the server's front would hand it on."""
    made = AWSRequest(method, HOST + path, headers={"Host": "127.0.0.1:9", **headers}, data=body)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(Credentials(key.id, key.secret, key.token), service, "us-east-1").add_auth(made)
    found = {name.lower(): value for name, value in made.headers.items()} | {"content-length": str(len(body))}
    return heads.request(method, path.encode(), found, BytesReader(body), "127.0.0.1")


def sagemaker(key: Credential, operation: str, parameters: dict[str, Any]) -> Request:
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    return signed(key, "sagemaker", "POST", "/", json.dumps(parameters).encode(), **headers)


def _create(key: Credential, number: int) -> Request:
    name = f"m-{key.id}-{number}"
    container = {"Image": IMAGE}
    return sagemaker(key, "CreateModel", {"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": container})


CALLS: dict[str, Make] = {
    "CreateModel": _create,
    "DescribeModel": lambda key, number: sagemaker(key, "DescribeModel", {"ModelName": f"m-{key.id}-{number}"}),
    "PutObject, 1 KB": lambda key, number: signed(key, "s3", "PUT", f"/bench/k-{number}", b"x" * 1024),
    "GetObject, 1 KB": lambda key, number: signed(key, "s3", "GET", f"/bench/k-{number}"),
}
