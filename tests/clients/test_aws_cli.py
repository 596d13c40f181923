"""The unmodified AWS CLI, in an environment of its own."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.kit.client_environments import client_bin
from tests.kit.eventually import eventually

pytestmark = pytest.mark.slow
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
ROLE = "arn:aws:iam::123456789012:role/SagewrightExecutionRole"
Aws = Callable[..., Any]


@pytest.fixture
def aws(shell: dict[str, str], tmp_path: Path) -> Aws:
    """``aws("s3", "ls")`` gives the command's output, parsed where it is JSON."""

    def run(*arguments: str) -> Any:
        done = subprocess.run(
            [client_bin("cli") / "aws", *arguments],
            check=False,
            env=shell,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"aws {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    return run


def test_who_am_i(aws: Aws) -> None:
    assert aws("sts", "get-caller-identity")["Account"] == "123456789012"


def test_a_folder_is_synced_both_ways(aws: Aws, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    (there / "deep").mkdir(parents=True)
    (there / "a.txt").write_text("a\n")
    (there / "deep" / "b ü.txt").write_text("b\n")
    (there / "big.bin").write_bytes(b"x" * (9 << 20))

    aws("s3", "mb", "s3://cli-sync")
    aws("s3", "sync", "there", "s3://cli-sync/kept")
    assert [line.split(maxsplit=3)[2:] for line in aws("s3", "ls", "--recursive", "s3://cli-sync").splitlines()] == [
        ["2", "kept/a.txt"],
        [str(9 << 20), "kept/big.bin"],
        ["2", "kept/deep/b ü.txt"],
    ]
    aws("s3", "sync", "s3://cli-sync/kept", "back")
    assert {path.relative_to(back): path.read_bytes() for path in back.rglob("*") if path.is_file()} == {
        path.relative_to(there): path.read_bytes() for path in there.rglob("*") if path.is_file()
    }
    assert aws("s3", "sync", "there", "s3://cli-sync/kept") == "", "nothing left to do"
    aws("s3", "rm", "--recursive", "s3://cli-sync")
    aws("s3", "rb", "s3://cli-sync")
    assert "cli-sync" not in aws("s3", "ls")


def test_a_job_is_described_and_its_endpoint_asked(aws: Aws, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("".join(f"{row % 2},{row % 2},{row}\n" for row in range(40)))
    aws("s3", "mb", "s3://cli-train")
    aws("s3", "cp", "train.csv", "s3://cli-train/train/train.csv")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://cli-train/train/"}}
    job = {
        "TrainingJobName": "cli",
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"objective": "binary:logistic", "num_round": "20", "min_child_weight": "0"},
        "InputDataConfig": [{"ChannelName": "train", "ContentType": "text/csv", "DataSource": source}],
        "OutputDataConfig": {"S3OutputPath": "s3://cli-train/output"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    aws("sagemaker", "create-training-job", "--cli-input-json", json.dumps(job))
    described = settled(aws, "training-job", "TrainingJobStatus")
    aws("sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", "cli")
    assert described["TrainingJobStatus"] == "Completed"
    assert described["HyperParameters"] == job["HyperParameters"]
    assert [
        item["TrainingJobName"]
        for item in aws("sagemaker", "list-training-jobs", "--name-contains", "cli")["TrainingJobSummaries"]
    ] == ["cli"]

    artifacts = described["ModelArtifacts"]["S3ModelArtifacts"]
    aws("s3", "cp", artifacts, "model.tar.gz")
    with tarfile.open(fileobj=io.BytesIO((tmp_path / "model.tar.gz").read_bytes())) as archive:
        assert [member.name.removeprefix("./") for member in archive if member.isfile()] == ["xgboost-model"]

    container = json.dumps({"Image": IMAGE, "ModelDataUrl": artifacts})
    variant = "VariantName=all,ModelName=cli,InitialInstanceCount=1,InstanceType=ml.m5.large,InitialVariantWeight=1"
    model = ("--model-name", "cli", "--execution-role-arn", ROLE, "--primary-container", container)
    aws("sagemaker", "create-model", *model)
    aws("sagemaker", "create-endpoint-config", "--endpoint-config-name", "cli", "--production-variants", variant)
    aws("sagemaker", "create-endpoint", "--endpoint-name", "cli", "--endpoint-config-name", "cli")
    described = settled(aws, "endpoint", "EndpointStatus")
    assert described["EndpointStatus"] == "InService", described
    question = ("--content-type", "text/csv", "--body", "fileb://question.csv")
    (tmp_path / "question.csv").write_text("1,7\n0,8\n")
    aws("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", "cli", *question, "answer.csv")
    yes, no = (float(word) for word in (tmp_path / "answer.csv").read_text().replace(",", "\n").split())
    assert no < 0.5 < yes
    aws("sagemaker", "delete-endpoint", "--endpoint-name", "cli")


def settled(aws: Aws, kind: str, status: str) -> dict[str, Any]:
    """The description of what is called ``cli``, once it is neither starting nor running. (``aws wait`` naps 2 min.)"""

    def described() -> dict[str, Any] | None:
        found: dict[str, Any] = aws("sagemaker", f"describe-{kind}", f"--{kind}-name", "cli")
        return None if found[status] in ("InProgress", "Creating") else found

    found: dict[str, Any] = eventually(described, what=lambda: f"the {kind} does not settle", seconds=150)
    return found


def test_a_group_is_followed(aws: Aws, shell: dict[str, str], tmp_path: Path) -> None:
    aws("logs", "create-log-group", "--log-group-name", "/cli/live")
    aws("logs", "create-log-stream", "--log-group-name", "/cli/live", "--log-stream-name", "s")
    group = "arn:aws:logs:us-east-1:123456789012:log-group:/cli/live"
    output = tmp_path / "tail"
    command = [client_bin("cli") / "aws", "logs", "start-live-tail", "--log-group-identifiers", group]
    with output.open("w") as out:
        tail = subprocess.Popen(command, env=shell | {"PYTHONUNBUFFERED": "1"}, stdout=out, stderr=out, cwd=tmp_path)

    def told() -> bool:
        events = json.dumps([{"timestamp": int(time.time() * 1000), "message": "hello from the CLI"}])
        aws("logs", "put-log-events", "--log-group-name", "/cli/live", "--log-stream-name", "s", "--log-events", events)
        assert tail.poll() is None, output.read_text()
        return "hello from the CLI" in output.read_text()

    try:
        eventually(told, what=output.read_text, seconds=40)
    finally:
        tail.terminate()
        tail.wait(10)
