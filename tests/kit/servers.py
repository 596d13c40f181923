"""Clients and jobs of a server that a test started by itself."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from tests.kit.answers import hold_to_the_model
from tests.kit.jobs import Jobs

from sagewright.testing.server import ServerProcess

COUNTS_ITSELF = """
import os, pathlib, time
print("start of the script", flush=True)
end = time.time() + SECONDS
while time.time() < end:
    time.sleep(0.02)
pathlib.Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text("trained once")
print("score=0.5", flush=True)
"""


def client(server: ServerProcess, service: str) -> Any:
    config = Config(retries={"total_max_attempts": 1}, proxies={})
    made = boto3.client(service, config=config, **server.client_options())  # type: ignore[call-overload]
    return hold_to_the_model(made)


def jobs_of(server: ServerProcess) -> Jobs:
    s3 = client(server, "s3")
    if not any(bucket["Name"] == "survivors" for bucket in s3.list_buckets()["Buckets"]):
        s3.create_bucket(Bucket="survivors")
    return Jobs(client(server, "sagemaker"), s3, client(server, "logs"), "survivors")
