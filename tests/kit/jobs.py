"""Runs scripts as training jobs, through boto3 alone."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.kit.eventually import eventually

ROLE = "arn:aws:iam::123456789012:role/SagewrightExecutionRole"

PYTHON = "000000000000.dkr.ecr.us-east-1.amazonaws.com/sagewright/python:3"

ENDED = ("Completed", "Failed", "Stopped")


def archive(files: dict[str, str | bytes]) -> bytes:
    """A .tar.gz with these files at its root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of a .tar.gz."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]


@dataclass
class Jobs:
    """Runs scripts as training jobs in script mode, through boto3 alone."""

    sagemaker: Any
    s3: Any
    logs: Any
    bucket: str
    image: str = PYTHON
    made: list[str] = field(default_factory=list)

    def start(self, script: str, *, hyperparameters: dict[str, Any] | None = None, **request: Any) -> str:
        """Create a training job that runs ``script`` as train.py; returns its name."""
        name = request.pop("TrainingJobName", f"job-{uuid.uuid4().hex[:12]}")
        files = request.pop("files", {})
        self.s3.put_object(
            Bucket=self.bucket, Key=f"{name}/sourcedir.tar.gz", Body=archive({"train.py": script, **files})
        )
        given = {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"s3://{self.bucket}/{name}/sourcedir.tar.gz",
            **(hyperparameters or {}),
        }
        self.sagemaker.create_training_job(
            **{
                "TrainingJobName": name,
                "AlgorithmSpecification": {"TrainingImage": self.image, "TrainingInputMode": "File"},
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/out"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
                "StoppingCondition": {"MaxRuntimeInSeconds": 300},
                "HyperParameters": {key: json.dumps(value) for key, value in given.items()},
                **request,
            }
        )
        self.made.append(name)
        return str(name)

    def wait(self, name: str, until: Callable[[Any], bool] | None = None, seconds: float = 120.0) -> Any:
        """Describe the job until it ended, or until ``until`` holds."""
        reached = until or (lambda job: job["TrainingJobStatus"] in ENDED)
        last: list[Any] = []

        def look() -> Any:
            last[:] = [self.sagemaker.describe_training_job(TrainingJobName=name)]
            return last[0] if reached(last[0]) else None

        return eventually(look, what=lambda: f"{last}\n{self.log(name)}", seconds=seconds)

    def run(self, script: str, **request: Any) -> Any:
        """Start a job and describe it once it ended."""
        return self.wait(self.start(script, **request))

    def log(self, name: str, group: str = "/aws/sagemaker/TrainingJobs") -> list[str]:
        """What the job printed on all its hosts."""
        try:
            streams = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return [
            event["message"]
            for stream in streams
            for event in self.logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
        ]

    def put(self, files: Mapping[str, str | bytes], prefix: str = "") -> str:
        """Store objects below a prefix that is new unless given; returns its S3 URI."""
        prefix = prefix or f"objects-{uuid.uuid4().hex[:10]}"
        for name, body in files.items():
            self.s3.put_object(Bucket=self.bucket, Key=f"{prefix}/{name}", Body=body)
        return f"s3://{self.bucket}/{prefix}"

    def below(self, uri: str) -> dict[str, bytes]:
        """The objects below an S3 URI, by the rest of their keys."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        found = self.s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/").get("Contents", ())
        return {each["Key"][len(prefix) + 1 :]: self.fetch(f"s3://{bucket}/{each['Key']}") for each in found}

    def fetch(self, uri: str) -> bytes:
        """The object at an S3 URI."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
