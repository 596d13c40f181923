"""What one job may take of the server: its end ends all that was done for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.kit.eventually import eventually
from tests.kit.jobs import Jobs
from tests.kit.servers import jobs_of

from sagewright.testing.server import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    running = ServerProcess(tmp_path_factory.mktemp("b") / "data", env={"SAGEWRIGHT_STOP_GRACE_SECONDS": "2"})
    running.start()
    yield running
    assert running.stop() == 0, running.log_tail()


@pytest.fixture(scope="module")
def jobs(server: ServerProcess) -> Jobs:
    return jobs_of(server)


def cluster(count: int) -> dict[str, Any]:
    return {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 1}


@pytest.mark.parametrize("ending", ["pass", "raise SystemExit(3)"])
def test_the_keys_of_a_job_on_two_instances_end_with_it(server: ServerProcess, jobs: Jobs, ending: str) -> None:
    script = f"import boto3; print('KEY', *boto3.Session().get_credentials().get_frozen_credentials()[:3])\n{ending}"
    name = jobs.start(script, ResourceConfig=cluster(2))
    jobs.wait(name)
    _, key, secret, token = next(line for line in jobs.log(name) if line.startswith("KEY ")).split()
    options = server.client_options() | {
        "aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": token,
    }  # fmt: skip
    sts = boto3.client("sts", **options)  # type: ignore[call-overload]

    def refused() -> str:
        try:
            sts.get_caller_identity()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    assert eventually(refused, what=lambda: "the key works") in ("InvalidClientTokenId", "ExpiredToken")
    runs: Path = server.data_dir / "runs"
    eventually(lambda: not list(runs.iterdir()), what=lambda: str(list(runs.iterdir())))
