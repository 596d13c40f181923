"""Traffic as users make it, which keeps a ledger: what was acknowledged, and what the server's death left in doubt.

Each ``Caller`` is a thread with a boto3 client of its own. Before a call it notes what the call may bring about, and
after the answer what it did: a call without an answer stays a doubt, and both outcomes are right.
"""

from __future__ import annotations

import hashlib
import json
import random
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from tests.kit.endpoints import SKLEARN
from tests.kit.jobs import PYTHON, ROLE

BUCKET = "mixed"
SOURCE = "source/sourcedir.tar.gz"
GROUP, STREAM, SPACE = "mixed", "events", "Mixed"
PART = 5 << 20
SIZES = (0, 10, 3000, 60_000, 700_000, 2_000_000)
JOB = """
import os, pathlib, time, uuid
run = uuid.uuid4().hex
print("begun", run, flush=True)
time.sleep(float(os.environ["SECONDS"]))
pathlib.Path(os.environ["SM_MODEL_DIR"], "run").write_text(run)
print("score=0.5", flush=True)
"""

Held = tuple[int, str] | None
"""Size and MD5 of an object's bytes; None where there is no object."""


def held(body: bytes) -> Held:
    return len(body), hashlib.md5(body, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Town:
    """What all callers share: where the server is, how clients are made, when to stop."""

    url: str
    client: Callable[[str], Any]
    ended: threading.Event


class Caller:
    """In its thread, calls ``step`` until the end.

    ``wrong`` collects what must never happen, ``refusals`` what was answered.
    """

    pause = 0.01

    def __init__(self, town: Town, seed: int) -> None:
        self.town = town
        self.name = type(self).__name__
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.random = random.Random(seed)
        self.calls = self.cut_off = 0
        self.refusals: Counter[tuple[int, str]] = Counter()
        self.wrong: list[str] = []

    def step(self) -> None:
        raise NotImplementedError

    def _run(self) -> None:
        while not self.town.ended.is_set():
            try:
                self.step()
                self.calls += 1
            except ClientError as error:
                answer = error.response
                status, code = answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]
                self.refusals[status, code] += 1
                if status >= 500:
                    self.wrong.append(f"{self.name}: {error}")
            except (BotoCoreError, HTTPClientError):
                self.cut_off += 1
                self._await_server()
            except Exception as error:  # told by the test
                self.wrong.append(f"{self.name}: {error!r}")
            self.town.ended.wait(self.pause)

    def _await_server(self) -> None:
        address = urlsplit(self.town.url)
        while not self.town.ended.wait(0.02):
            try:
                socket.create_connection((str(address.hostname), address.port or 80), 1).close()
            except OSError:
                continue
            return


class Objects(Caller):
    """Puts, multipart uploads, copies, deletions and reads of a few keys and of many new ones."""

    def __init__(self, town: Town, seed: int) -> None:
        super().__init__(town, seed)
        self.s3 = town.client("s3")
        self.may: dict[str, list[Held]] = {}
        self.count = 0
        self.prefix = f"o{seed}"

    @contextmanager
    def _outcome(self, key: str, outcome: Held) -> Iterator[None]:
        """The block makes ``outcome`` of ``key``: a doubt until it succeeded."""
        self.may.setdefault(key, [None]).append(outcome)
        yield
        self.may[key] = [outcome]

    def step(self) -> None:
        self.count += 1
        new = f"{self.prefix}/{self.count}"
        key = self.random.choice([new, f"{self.prefix}/again-{self.random.randrange(8)}"])
        act = self.random.choices(
            [self._put, self._multipart, self._copy, self._delete, self._read], weights=[10, 2, 2, 4, 6]
        )[0]
        act(key)

    def _body(self, size: int) -> bytes:
        word = f"{self.prefix} {self.count}\n".encode()
        return (word * (size // len(word) + 1))[:size]

    def _put(self, key: str) -> None:
        body = self._body(self.random.choice(SIZES))
        with self._outcome(key, held(body)):
            etag = self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)["ETag"]
        if etag.strip('"') != held(body)[1]:  # type: ignore[index]
            self.wrong.append(f"{key}: ETag {etag}")

    def _multipart(self, key: str) -> None:
        sizes = self.random.choice([[1000], [200_000], [PART, 100]])
        upload = self.s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        where = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
        bodies = [self._body(size) for size in sizes]
        parts = [
            {"PartNumber": number, "ETag": self.s3.upload_part(**where, PartNumber=number, Body=body)["ETag"]}
            for number, body in enumerate(bodies, 1)
        ]
        if self.random.random() < 0.2:
            self.s3.abort_multipart_upload(**where)
            return
        with self._outcome(key, held(b"".join(bodies))):
            self.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})

    def _copy(self, key: str) -> None:
        known = [name for name, may in self.may.items() if len(may) == 1 and may[0] and name != key]
        if known:
            source = self.random.choice(known)
            with self._outcome(key, self.may[source][0]):
                self.s3.copy_object(Bucket=BUCKET, Key=key, CopySource={"Bucket": BUCKET, "Key": source})

    def _delete(self, key: str) -> None:
        with self._outcome(key, None):
            self.s3.delete_object(Bucket=BUCKET, Key=key)

    def _read(self, key: str) -> None:
        known = sorted(self.may)
        if known:
            self.check(self.random.choice(known))

    def check(self, key: str) -> None:
        """The key holds one of the things that it may hold."""
        try:
            found = held(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        except self.s3.exceptions.NoSuchKey:
            found = None
        if found not in self.may[key]:
            self.wrong.append(f"{key} holds {found}, and not one of {self.may[key]}")


class Nouns(Caller):
    """Models that come, are tagged, and go."""

    pause = 0.02

    def __init__(self, town: Town, seed: int) -> None:
        super().__init__(town, seed)
        self.sagemaker = town.client("sagemaker")
        self.may: dict[str, list[str | None]] = {}
        """Name of a model → the values that its tag may have; None where the model may be absent."""
        self.count = 0

    def step(self) -> None:
        self.count += 1
        known = [name for name, may in self.may.items() if None not in may]
        act = self.random.choice(["create", "tag", "delete", "read"]) if len(known) > 5 else "create"
        name = self.random.choice(known) if act != "create" else f"m-{self.count}"
        arn, value = f"arn:aws:sagemaker:us-east-1:123456789012:model/{name}", f"v{self.count}"
        tags = [{"Key": "value", "Value": value}]
        if act == "read":
            self.check(name)
            return
        self.may.setdefault(name, [None]).append(None if act == "delete" else value)
        if act == "create":
            container = {"Image": PYTHON}
            self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container, Tags=tags)
        elif act == "tag":
            self.sagemaker.add_tags(ResourceArn=arn, Tags=tags)
        else:
            self.sagemaker.delete_model(ModelName=name)
        self.may[name] = self.may[name][-1:]

    def check(self, name: str) -> None:
        """The model is there, or not, with a tag as it may be."""
        try:
            arn = self.sagemaker.describe_model(ModelName=name)["ModelArn"]
            tags = {each["Key"]: each["Value"] for each in self.sagemaker.list_tags(ResourceArn=arn)["Tags"]}
            found = tags.get("value", "no tag")
        except ClientError as error:
            if "Could not find model" not in str(error):
                raise
            found = None
        if found not in self.may[name]:
            self.wrong.append(f"model {name} has {found}, and not one of {self.may[name]}")


class Telemetry(Caller):
    """Log events and data points, each sent once."""

    pause = 0.03

    def __init__(self, town: Town, seed: int) -> None:
        super().__init__(town, seed)
        self.logs, self.metrics = town.client("logs"), town.client("cloudwatch")
        self.events: Counter[str] = Counter()
        self.points: Counter[str] = Counter()
        self.count = 0

    def step(self) -> None:
        self.count += 1
        event = {"timestamp": int(time.time() * 1000), "message": f"event {self.count}"}
        self.events["sent"] += 1
        self.logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=[event])
        self.events[event["message"]] = 1  # type: ignore[index]
        self.points["sent"] += 1
        self.metrics.put_metric_data(Namespace=SPACE, MetricData=[{"MetricName": "points", "Value": 1.0}])
        self.points["acknowledged"] += 1

    def check(self) -> None:
        """All that was acknowledged is there, once; of the rest, nothing twice."""
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP)
        found = Counter(event["message"] for page in pages for event in page["events"])
        acknowledged = self.events.keys() - {"sent"}
        if lost := acknowledged - found.keys():
            self.wrong.append(f"log events are lost: {sorted(lost)}")
        if twice := {message for message, times in found.items() if times > 1}:
            self.wrong.append(f"log events are there twice: {twice}")
        now = time.time()
        sums = self.metrics.get_metric_statistics(
            Namespace=SPACE,
            MetricName="points",
            StartTime=now - 7200,
            EndTime=now + 60,
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        total = sum(point["Sum"] for point in sums)
        if not self.points["acknowledged"] <= total <= self.points["sent"]:
            self.wrong.append(f"{total} data points of {dict(self.points)}")


class Trainings(Caller):
    """Training jobs of less than two seconds; some are stopped."""

    pause = 0.2

    def __init__(self, town: Town, seed: int) -> None:
        super().__init__(town, seed)
        self.sagemaker = town.client("sagemaker")
        self.created: dict[str, bool] = {}
        """Name → whether it was acknowledged."""
        self.stopped: set[str] = set()

    def step(self) -> None:
        name = f"job-{len(self.created)}"
        self.created[name] = False
        given = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{BUCKET}/{SOURCE}"}
        image = self.random.choice([PYTHON, PYTHON, SKLEARN])
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
            RoleArn=ROLE,
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 300},
            HyperParameters={key: json.dumps(value) for key, value in given.items()},
            Environment={"SECONDS": str(self.random.choice([0, 0.3, 1.5]))},
        )
        self.created[name] = True
        if self.random.random() < 0.15:
            self.stopped.add(name)
            self.sagemaker.stop_training_job(TrainingJobName=name)


class Questions(Caller):
    """Invocations of a standing endpoint: by which process each was answered."""

    def __init__(self, town: Town, seed: int, endpoint: str) -> None:
        super().__init__(town, seed)
        self.runtime = town.client("sagemaker-runtime")
        self.endpoint = endpoint
        self.answers: dict[int, int] = defaultdict(int)

    def step(self) -> None:
        asked = self.random.randrange(1 << 30)
        answer = self.runtime.invoke_endpoint(
            EndpointName=self.endpoint, Body=json.dumps(asked), ContentType="application/json"
        )
        told = json.loads(answer["Body"].read())
        if (told["echo"], told["answer"]) != (asked, "steady"):
            self.wrong.append(f"asked {asked}, told {told}")
        self.answers[told["pid"]] += 1
