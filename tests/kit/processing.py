"""Runs scripts as processing jobs, through boto3 alone."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from tests.kit.eventually import eventually
from tests.kit.jobs import ENDED, PYTHON, ROLE, Jobs

CODE = "/opt/ml/processing/input/code"


@dataclass
class Processing:
    """Runs scripts as processing jobs."""

    jobs: Jobs

    def request(self, script: str, **more: Any) -> dict[str, Any]:
        """A request for a job that runs ``script``; ``inputs`` and ``outputs`` map names to members of S3Input."""
        code = self.jobs.put({"script.py": script}) + "/script.py"
        inputs = {"code": {"S3Uri": code, "LocalPath": CODE}, **more.pop("inputs", {})}
        source = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
        outputs = [
            {"OutputName": name, "S3Output": {"S3UploadMode": "EndOfJob", **target}}
            for name, target in more.pop("outputs", {}).items()
        ]
        cluster = {"InstanceCount": more.pop("count", 1), "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        entrypoint = {"ContainerEntrypoint": ["python3", f"{CODE}/script.py"]}
        return {
            "ProcessingJobName": f"processing-{uuid.uuid4().hex[:10]}",
            "AppSpecification": {"ImageUri": PYTHON, **entrypoint, "ContainerArguments": more.pop("arguments", ["-"])},
            "ProcessingInputs": [{"InputName": name, "S3Input": {**source, **each}} for name, each in inputs.items()],
            "ProcessingOutputConfig": {"Outputs": outputs},
            "ProcessingResources": {"ClusterConfig": cluster},
            "RoleArn": ROLE,
            **more,
        }

    def start(self, script: str, **more: Any) -> str:
        request = self.request(script, **more)
        self.jobs.sagemaker.create_processing_job(**request)
        return str(request["ProcessingJobName"])

    def describe(self, name: str) -> Any:
        return self.jobs.sagemaker.describe_processing_job(ProcessingJobName=name)

    def log(self, name: str) -> list[str]:
        return self.jobs.log(name, "/aws/sagemaker/ProcessingJobs")

    def wait(self, name: str) -> Any:
        def look() -> Any:
            job = self.describe(name)
            return job if job["ProcessingJobStatus"] in ENDED else None

        return eventually(look, what=lambda: f"{self.describe(name)}\n{self.log(name)}", seconds=120)

    def run(self, script: str, **more: Any) -> Any:
        return self.wait(self.start(script, **more))
