"""Runs transform jobs, through boto3 alone."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from tests.kit.endpoints import SKLEARN
from tests.kit.eventually import eventually
from tests.kit.jobs import ENDED, ROLE, Jobs, archive

INFERENCE = """
import json, os, time
def model_fn(model_dir):
    if os.environ.get("BREAK") == "model":
        raise RuntimeError("no such model")
    return 10.0
def transform_fn(model, body, content_type, accept):
    text = body if isinstance(body, str) else body.decode()
    if os.environ.get("BREAK") == "die":
        os._exit(3)
    time.sleep(float(os.environ.get("SLEEP", "0")))
    if content_type == "text/csv":
        rows = [sum(float(field) for field in line.split(",")) * model for line in text.splitlines()]
        return "\\n".join(map(str, rows)), accept
    documents = [json.loads(line) for line in text.splitlines()]
    answers = [{"sum": sum(each["x"]) if isinstance(each, dict) else sum(each),
                "batch": os.environ["SAGEMAKER_BATCH"], "of": len(documents)} for each in documents]
    return "\\n".join(json.dumps(each) for each in answers), "application/jsonlines"
"""


@dataclass
class Transforms:
    """Runs transform jobs of one model."""

    jobs: Jobs
    model: str

    def request(self, files: dict[str, str | bytes], **more: Any) -> dict[str, Any]:
        """A request to transform ``files``; ``input`` and ``output`` add to their members, ``uri`` to the prefix."""
        uri = self.jobs.put(files) + more.pop("uri", "")
        source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}, "ContentType": "text/csv"}
        target = {"S3OutputPath": f"s3://{self.jobs.bucket}/transformed-{uuid.uuid4().hex[:8]}", "Accept": "text/csv"}
        return {
            "TransformJobName": f"transform-{uuid.uuid4().hex[:10]}",
            "ModelName": self.model,
            "TransformInput": {**source, **more.pop("input", {})},
            "TransformOutput": {**target, **more.pop("output", {})},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": more.pop("count", 1)},
            **more,
        }

    def start(self, files: dict[str, str | bytes], **more: Any) -> str:
        request = self.request(files, **more)
        self.jobs.sagemaker.create_transform_job(**request)
        return str(request["TransformJobName"])

    def describe(self, name: str) -> Any:
        return self.jobs.sagemaker.describe_transform_job(TransformJobName=name)

    def log(self, name: str) -> list[str]:
        return self.jobs.log(name, "/aws/sagemaker/TransformJobs")

    def wait(self, name: str) -> tuple[Any, dict[str, bytes]]:
        """The job once it ended, and what it wrote."""

        def look() -> Any:
            job = self.describe(name)
            return job if job["TransformJobStatus"] in ENDED else None

        job = eventually(look, what=lambda: f"{self.describe(name)}\n{self.log(name)}", seconds=120)
        return job, self.jobs.below(job["TransformOutput"]["S3OutputPath"])

    def run(self, files: dict[str, str | bytes], **more: Any) -> tuple[Any, dict[str, bytes]]:
        return self.wait(self.start(files, **more))

    def completed(self, files: dict[str, str | bytes], **more: Any) -> dict[str, bytes]:
        job, written = self.run(files, **more)
        assert job["TransformJobStatus"] == "Completed", (job, self.log(job["TransformJobName"]))
        return written


def transforms_of(jobs: Jobs) -> Transforms:
    """Transforms of a model made for them."""
    name = f"model-{uuid.uuid4().hex[:10]}"
    uri = jobs.put({"model.tar.gz": archive({"code/inference.py": INFERENCE})}, name)
    container = {"Image": SKLEARN, "ModelDataUrl": f"{uri}/model.tar.gz"}
    jobs.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    return Transforms(jobs, name)


LINES = {"input": {"SplitType": "Line", "ContentType": "text/csv"}, "output": {"AssembleWith": "Line"}}
