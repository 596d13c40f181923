"""More work than fits: it stands in line from its first row on, also over a restart of the server."""

from __future__ import annotations

import uuid
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from tests.kit.jobs import Jobs

from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow
HOLDER = "import time\nprint('running', flush=True)\ntime.sleep(600)"


def clients(server: ServerProcess) -> Jobs:
    made = [
        boto3.client(name, config=Config(proxies={}), **server.client_options()) for name in ("sagemaker", "s3", "logs")
    ]  # type: ignore[call-overload]
    return Jobs(*made, bucket="waiting")


def words(jobs: Jobs, name: str) -> list[str]:
    job = jobs.sagemaker.describe_training_job(TrainingJobName=name)
    assert job["SecondaryStatus"] == job["SecondaryStatusTransitions"][-1]["Status"]
    return [each["Status"] for each in job["SecondaryStatusTransitions"]]


def test_what_does_not_fit_waits_in_line_and_starts_in_its_turn(tmp_path: Path) -> None:
    arguments = ("--max-instances", "1")
    server = ServerProcess(tmp_path / "data", ephemeral=False, arguments=arguments)
    with server:
        jobs = clients(server)
        jobs.s3.create_bucket(Bucket=jobs.bucket)
        holder = jobs.start(HOLDER)
        jobs.wait(holder, lambda job: job["SecondaryStatus"] == "Training")
        first, given_up, last = (
            jobs.start("print('done')", TrainingJobName=f"{i}-{uuid.uuid4().hex}") for i in range(3)
        )
        assert words(jobs, first) == words(jobs, last) == ["Starting", "Pending"]
        jobs.sagemaker.stop_training_job(TrainingJobName=given_up)
        assert jobs.wait(given_up)["TrainingJobStatus"] == "Stopped"
    with ServerProcess(tmp_path / "data", ephemeral=False, arguments=arguments) as server:
        jobs = clients(server)
        assert words(jobs, first) == words(jobs, last) == ["Starting", "Pending"]
        jobs.sagemaker.stop_training_job(TrainingJobName=holder)
        ended = [jobs.wait(name) for name in (first, last)]
        assert [job["TrainingJobStatus"] for job in ended] == ["Completed", "Completed"]
        assert words(jobs, last) == ["Starting", "Pending", "Downloading", "Training", "Uploading", "Completed"]
        earlier, later = sorted(ended, key=lambda job: job["TrainingStartTime"])
        assert earlier["TrainingEndTime"] <= later["TrainingStartTime"]
