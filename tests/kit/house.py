"""A gateway with stores of its own, a user and a few operations, in this process."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from sagewright.access.authorization import Authorizer
from sagewright.core.clock import Clock, SystemClock
from sagewright.core.config import Settings
from sagewright.core.errors import AwsError, ValidationError, ValidationException
from sagewright.gateway.aws.admission import Admissions
from sagewright.gateway.aws.app import Gateway
from sagewright.gateway.http import tls
from sagewright.gateway.http.server import Server
from sagewright.gateway.ways.connect import Proxy
from sagewright.gateway.ways.invoke import Invocations
from sagewright.gateway.ways.job_doors import Doors
from sagewright.nouns.operations import Call, Operation, Platform
from sagewright.serving.base import InvokeRequest, InvokeResponse
from sagewright.store import migrate
from sagewright.store.changes import ChangeLog
from sagewright.store.credentials import CredentialStore
from sagewright.store.database import Database
from sagewright.store.events import EventStore
from sagewright.store.links import LinkStore
from sagewright.store.logs import LogStore
from sagewright.store.metrics import MetricStore
from sagewright.store.objects import ObjectStore
from sagewright.store.resources import ResourceStore
from sagewright.store.tags import TagStore
from sagewright.wire.http import FileBody, FileSlice, Response

USER = "arn:aws:iam::123456789012:user/admin"

ROLE = "arn:aws:sts::123456789012:assumed-role/R/session"

DATA = bytes(range(256)) * 12_000


class Operations:
    """What the server can do in these tests."""

    def __init__(self, folder: Path) -> None:
        self.committed: dict[str, bytes] = {}
        self.calls: list[Call] = []
        self.file = folder / "object"
        self.file.write_bytes(DATA)

    def table(self) -> dict[tuple[str, str], Operation]:
        handlers = {
            ("sagemaker", "DescribeModel"): self.describe_model,
            ("sagemaker", "ListModels"): self.fails,
            ("s3", "PutObject"): self.put_object,
            ("s3", "GetObject"): self.get_object,
            ("sts", "GetCallerIdentity"): self.get_caller_identity,
            ("sagemaker-featurestore-runtime", "GetRecord"): self.get_record,
        }
        return {key: Operation(*key, handler) for key, handler in handlers.items()}

    def describe_model(self, call: Call, given: dict[str, Any]) -> Mapping[str, Any]:
        self.calls.append(call)
        if given["ModelName"] == "missing":
            raise ValidationException(f'Could not find model "{given["ModelName"]}".')
        arn = f"arn:aws:sagemaker:{call.region}:{call.account}:model/{given['ModelName']}"
        return {
            "ModelName": given["ModelName"],
            "ModelArn": arn,
            "CreationTime": 1.5e9,
            "ExecutionRoleArn": call.principal.arn,
        }

    def fails(self, call: Call, given: dict[str, Any]) -> None:
        raise RuntimeError("a secret detail")

    def put_object(self, call: Call, given: dict[str, Any]) -> Mapping[str, Any]:
        body, digest = b"", hashlib.md5(usedforsecurity=False)
        while chunk := given["Body"].read(65536):
            body += chunk
            digest.update(chunk)
        self.committed[f"{given['Bucket']}/{given['Key']}"] = body
        return {"ETag": f'"{digest.hexdigest()}"'}

    def get_object(self, call: Call, given: dict[str, Any]) -> Mapping[str, Any]:
        return {"Body": FileBody((FileSlice(self.file, 0, len(DATA)),)), "ContentLength": len(DATA)}

    def get_caller_identity(self, call: Call, given: dict[str, Any]) -> Mapping[str, Any]:
        return {"UserId": call.principal.user_id, "Account": call.account, "Arn": call.principal.arn}

    def get_record(self, call: Call, given: dict[str, Any]) -> Mapping[str, Any]:
        return {"Record": [{"FeatureName": name, "ValueAsString": "1"} for name in given.get("FeatureNames", [])]}


class Models:
    """Stands where the router stands."""

    def __init__(self) -> None:
        self.seen: list[InvokeRequest] = []
        self.connected = True
        """Whether requests can be sent on without waiting."""

    def ask(self, request: InvokeRequest, done: Callable[[InvokeResponse | Exception], None]) -> bool:
        if self.connected:
            asyncio.get_running_loop().call_soon(lambda: done(self._outcome(request)))
        return self.connected

    def _outcome(self, request: InvokeRequest) -> InvokeResponse | Exception:
        try:
            return self._answer(request)
        except Exception as error:
            return error

    async def invoke(self, request: InvokeRequest, part: Any = None) -> InvokeResponse:
        return self._answer(request)

    def _answer(self, request: InvokeRequest) -> InvokeResponse:
        self.seen.append(request)
        if request.endpoint == "missing":
            raise ValidationError(f"Endpoint missing of account {request.account} not found.")
        if request.endpoint == "broken":
            raise AwsError(
                "Received server error (500) from model",
                code="ModelError",
                status=424,
                OriginalStatusCode=500,
                OriginalMessage="boom",
                LogStreamArn="arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/broken",
            )
        if request.endpoint == "bug":
            raise RuntimeError("a secret detail")
        return InvokeResponse(request.body[::-1], "text/csv", "blue", request.custom_attributes)


class House:
    """A gateway with real stores."""

    def __init__(self, folder: Path, clock: Clock | None = None, models: Any = None) -> None:
        self.settings = Settings(data_dir=folder)
        self.operations = Operations(folder)
        self.models = models or Models()
        clock = clock or SystemClock()
        database = Database(f"sqlite:///{folder / 'test.db'}")
        migrate.upgrade(database)
        self.credentials = CredentialStore(database, clock)
        resources = ResourceStore(database, clock)
        platform = Platform(
            settings=self.settings,
            clock=clock,
            resources=resources,
            events=EventStore(database),
            changes=ChangeLog(database, clock),
            links=LinkStore(database, clock),
            tags=TagStore(database),
            credentials=self.credentials,
            logs=LogStore(database, folder / "logs", clock),
            metrics=MetricStore(database, clock),
            objects=ObjectStore(database, folder / "objects", clock),
            access=Authorizer(resources, self.credentials, clock),
            hint=lambda _: None,
        )
        platform.objects.create_bucket("bucket", "123456789012", "us-east-1")
        self.key = self.credentials.issue(USER, "AIDAUSER", administrator=True)
        self.platform, self.doors = platform, Doors(platform, self.settings)
        own = {"/_sagewright/own": lambda _: Response(200, {}, b"own")}
        gateway = Gateway(platform, own, self.doors.answer)
        doorman = Proxy(tls.identity(folder).server_context())
        self.server = Server(
            gateway,
            host="127.0.0.1",
            port=0,
            fast=Invocations(platform, self.models).fast_path(),
            doorman=doorman,
            gate=Admissions(platform, own),
        )
        self.port = self.server.start()
        self.doors.serve(self.server)
        self.url = f"http://127.0.0.1:{self.port}"

    def client(self, service: str, **options: Any) -> Any:
        config = Config(retries={"total_max_attempts": 1}, proxies={}).merge(options.pop("config", Config()))
        given = {
            "endpoint_url": self.url,
            "region_name": "us-east-1",
            "aws_access_key_id": self.key.id,
            "aws_secret_access_key": self.key.secret,
        }
        return boto3.client(service, config=config, **{**given, **options})
