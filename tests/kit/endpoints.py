"""Makes models, configurations and endpoints, through boto3 alone."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.kit.eventually import eventually
from tests.kit.jobs import ROLE, Jobs, archive

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"

INFERENCE = """
import json, os
def model_fn(model_dir):
    return open(os.path.join(model_dir, "answer.txt")).read()
def input_fn(body, content_type):
    return json.loads(body)
def predict_fn(data, model):
    if data == "raise":
        raise ValueError("no answer to that")
    return {"answer": model, "echo": data, "pid": os.getpid()}
def output_fn(prediction, accept):
    return json.dumps(prediction), "application/json"
"""


@dataclass
class Endpoints:
    """Makes models, configurations and endpoints, and takes them away again."""

    jobs: Jobs
    runtime: Any
    made: list[str] = field(default_factory=list)

    def model(self, answer: str, code: str = INFERENCE) -> str:
        name = f"model-{uuid.uuid4().hex[:10]}"
        body = archive({"answer.txt": answer, "code/inference.py": code})
        self.jobs.s3.put_object(Bucket=self.jobs.bucket, Key=f"{name}/model.tar.gz", Body=body)
        container = {
            "Image": SKLEARN,
            "ModelDataUrl": f"s3://{self.jobs.bucket}/{name}/model.tar.gz",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
        }
        self.jobs.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        return name

    def config(self, **variants: dict[str, Any]) -> str:
        name = f"config-{uuid.uuid4().hex[:10]}"
        defaults = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large", "InitialVariantWeight": 1.0}
        self.jobs.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{"VariantName": key, **defaults, **value} for key, value in variants.items()],
        )
        return name

    def create(self, config: str) -> str:
        name = f"endpoint-{uuid.uuid4().hex[:10]}"
        self.jobs.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        self.made.append(name)
        return name

    def wait(self, name: str, status: str = "InService", seconds: float = 120.0) -> Any:
        last: list[Any] = []

        def look() -> Any:
            last[:] = [self.jobs.sagemaker.describe_endpoint(EndpointName=name)]
            return last[0] if last[0]["EndpointStatus"] == status else None

        return eventually(look, what=lambda: str(last), seconds=seconds)

    def ask(self, name: str, body: str = "1", **more: Any) -> tuple[str, str]:
        """(variant that answered, body of the answer)."""
        answer = self.runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType="application/json", **more)
        return answer["InvokedProductionVariant"], answer["Body"].read().decode()
