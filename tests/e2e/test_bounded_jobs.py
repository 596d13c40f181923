"""What one job may take of the server: its end ends all that was done for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.kit.eventually import eventually
from tests.kit.jobs import PYTHON, Jobs
from tests.kit.servers import jobs_of

from sagewright.testing.server import ServerProcess
from sagewright_runtime.shared import documents


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


def metrics(*expressions: str) -> dict[str, Any]:
    definitions = [{"Name": f"m{number}", "Regex": each} for number, each in enumerate(expressions)]
    return {"TrainingImage": PYTHON, "TrainingInputMode": "File", "MetricDefinitions": definitions}


@pytest.mark.parametrize("ending", ["its time", "a stop"])
def test_a_slow_metric_definition_holds_up_neither_the_end_of_its_time_nor_a_stop(jobs: Jobs, ending: str) -> None:
    # Each search takes tens of milliseconds: far from what is interrupted, and minutes for all of these lines.
    script = "print(('a' * 17 + chr(10)) * 4000, flush=True)\nprint('here', flush=True)\nwhile True: pass"
    seconds = 4 if ending == "its time" else 600
    name = jobs.start(
        script,
        AlgorithmSpecification=metrics("(a+)+b", "(a+)+c"),
        StoppingCondition={"MaxRuntimeInSeconds": seconds},
    )
    if ending == "a stop":
        eventually(lambda: any("takes " in line for line in jobs.log(name)), what=lambda: str(jobs.log(name)[-3:]))
        jobs.sagemaker.stop_training_job(TrainingJobName=name)
    job = jobs.wait(name, seconds=40)
    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] == ("MaxRuntimeExceeded" if ending == "its time" else "Stopped")
    assert any("searched for metrics" in line or "takes " in line for line in jobs.log(name))


def test_a_metric_definition_that_is_no_regular_expression_is_told_in_the_log(jobs: Jobs) -> None:
    name = jobs.start("print('loss=1.5')", AlgorithmSpecification=metrics("((", r"loss=(\S+)"))
    assert [(each["MetricName"], each["Value"]) for each in jobs.wait(name)["FinalMetricDataList"]] == [("m1", 1.5)]
    assert any("'m0' is off: its regular expression is wrong" in line for line in jobs.log(name))


def resident(server: ServerProcess) -> int:
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) >> 10


def test_a_flood_of_values_takes_neither_the_servers_memory_nor_its_time(server: ServerProcess, jobs: Jobs) -> None:
    before = resident(server)
    script = "import sys\nfor k in range(12):\n    sys.stdout.write('loss=1.5\\n' * 50000)\nprint('loss=2.5')"
    name = jobs.start(script, AlgorithmSpecification=metrics(r"loss=([0-9.]+)"))
    job = jobs.wait(name)
    assert (job["TrainingJobStatus"], job["FinalMetricDataList"][0]["Value"]) == ("Completed", 2.5)
    assert resident(server) - before < 150


BAD_NAMES = {
    "UTF-8": "open(b'/opt/ml/model/\\xff\\xfe', 'w').write('x')",
    "S3 takes 1024": """
import os
path = "/opt/ml/model"
for _ in range(8):
    path += "/" + "d" * 200
    os.mkdir(path)
open(path + "/f", "w").write("x")
""",
}


@pytest.mark.parametrize("word", BAD_NAMES)
def test_a_name_that_no_object_can_have_fails_the_job_with_a_reason(
    server: ServerProcess, jobs: Jobs, word: str
) -> None:
    script = f"open('/opt/ml/model/good', 'w').write('x')\n{BAD_NAMES[word]}"
    output = {"S3OutputPath": f"s3://{jobs.bucket}/names", "CompressionType": "NONE"}
    name = jobs.start(script, OutputDataConfig=output)
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == "Failed"
    assert "Unable to upload the output to S3" in job["FailureReason"]
    assert word in job["FailureReason"]
    assert jobs.below(f"s3://{jobs.bucket}/names/{name}") == {}
    assert "Traceback" not in server.log_tail()


@pytest.mark.parametrize("make", ["os.mkfifo", "os.mkdir"])
def test_a_failure_file_that_is_none_does_not_hide_the_reason(jobs: Jobs, make: str) -> None:
    job = jobs.run(f"import os; {make}('/opt/ml/output/failure'); raise SystemExit(3)")
    assert job["TrainingJobStatus"] == "Failed"
    assert "ExitCode 3" in job["FailureReason"]
    assert "INFO" not in job["FailureReason"]


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["its time", "a stop"])
def test_a_job_whose_agent_was_stopped_itself_ends_when_it_is_to_end(
    server: ServerProcess, jobs: Jobs, ending: str
) -> None:
    seconds = 2 if ending == "its time" else 600
    name = jobs.start("while True: pass", StoppingCondition={"MaxRuntimeInSeconds": seconds})
    jobs.wait(name, lambda job: job["SecondaryStatus"] == "Training")
    (claim,) = server.data_dir.glob("runs/*/algo-1/agent.pid")
    os.kill(documents.pid_of(claim.read_text()), signal.SIGSTOP)
    if ending == "a stop":
        jobs.sagemaker.stop_training_job(TrainingJobName=name)
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] == ("MaxRuntimeExceeded" if ending == "its time" else "Stopped")
    eventually(lambda: not list(server.data_dir.glob("runs/*")), what=lambda: "the run is not removed")
