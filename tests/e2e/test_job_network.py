"""Jobs' calls over a restart of the server, over TLS, and from the SageMaker SDK."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.kit.client_environments import client_bin
from tests.kit.eventually import eventually
from tests.kit.job_network import LOOK, saw
from tests.kit.servers import client, jobs_of

from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow

ACROSS = f"""{LOOK}
import time
old = boto3.client("sts")
print("before", old.get_caller_identity()["Arn"], flush=True)
while read("go") != "go":
    time.sleep(0.05)
after = boto3.Session()
print("SAW", json.dumps([read("go"), old.get_caller_identity()["Arn"],
    after.client("sts").get_caller_identity()["Arn"],
    after.client("sts", endpoint_url="https://sts.eu-west-1.amazonaws.com").get_caller_identity()["Arn"],
    s3.meta.endpoint_url]))
"""
ME = "arn:aws:sts::123456789012:assumed-role/SagewrightExecutionRole/SageMaker"


@pytest.fixture(params=[("--tls", "--backend", "warm"), ()], ids=["tls-warm", "sandbox"])
def lasting(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """A server that keeps its state."""
    server = ServerProcess(tmp_path / "data", ephemeral=False, arguments=request.param)
    server.start()
    yield server
    server.stop()
    eventually(lambda: not server.leftovers(), what=lambda: str(server.leftovers()), seconds=20)


def test_a_job_goes_on_calling_after_the_server_was_killed(lasting: ServerProcess) -> None:
    jobs = jobs_of(lasting)
    name = jobs.start(ACROSS, Environment={"BUCKET": jobs.bucket})
    jobs.wait(name, lambda job: job["TrainingJobStatus"] != "InProgress" or f"before {ME}" in jobs.log(name))
    lasting.kill()
    lasting.start()
    jobs = jobs_of(lasting)
    jobs.s3.put_object(Bucket=jobs.bucket, Key="go", Body=b"go")
    assert jobs.wait(name)["TrainingJobStatus"] == "Completed", jobs.log(name)
    assert saw(jobs.log(name)) == ["go", ME, ME, ME, "http://169.254.170.2"]


SDK = """
import json, warnings
warnings.simplefilter("ignore")
import sagemaker
session = sagemaker.Session()
bucket = session.default_bucket()
uri = session.upload_string_as_file_body("hello", bucket, "from/job")
print("SAW", json.dumps([sagemaker.get_execution_role(session), bucket, session.read_s3_file(bucket, "from/job")]))
"""


def test_the_sagemaker_sdk_finds_its_session_in_a_job(tmp_path: Path) -> None:
    python = str(client_bin("v2") / "python")
    script = f"import subprocess\nsubprocess.run([{python!r}, '-c', {SDK!r}], check=True)"
    with ServerProcess(tmp_path / "data", arguments=("--backend", "plain")) as server:
        jobs = jobs_of(server)
        job: Any = jobs.run(script)
        lines = jobs.log(job["TrainingJobName"])
        assert job["TrainingJobStatus"] == "Completed", lines
        assert saw(lines) == [
            "arn:aws:iam::123456789012:role/SagewrightExecutionRole",
            "sagemaker-us-east-1-123456789012",
            "hello",
        ]
        assert client(server, "s3").head_object(Bucket="sagemaker-us-east-1-123456789012", Key="from/job")
