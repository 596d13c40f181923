"""TrainingJob through boto3: the container's contract, the trail of statuses, and failures that tell the truth."""

from __future__ import annotations

import hashlib
import io
import json
import os
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from tests.kit.eventually import eventually
from tests.kit.jobs import PYTHON, ROLE, Jobs, unpack

pytestmark = pytest.mark.slow


def words(job: Any) -> list[str]:
    return [each["Status"] for each in job["SecondaryStatusTransitions"]]


def test_a_job_gets_its_channels_and_leaves_its_model_and_output(jobs: Jobs) -> None:
    for key, body in {"data/a.csv": "1,2\n", "data/deep/b.csv": "3\n", "one/exact.txt": "x"}.items():
        jobs.s3.put_object(Bucket=jobs.bucket, Key=key, Body=body)
    script = """
import json, os, pathlib, sys
root = pathlib.Path("/opt/ml/input/data")
seen = {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}
pathlib.Path(os.environ["SM_MODEL_DIR"], "seen.json").write_text(json.dumps(
    {"files": seen, "argv": sys.argv[1:], "hosts": json.loads(os.environ["SM_HOSTS"]),
     "resources": json.load(open("/opt/ml/input/config/resourceconfig.json")),
     "user": os.environ["GREETING"], "name": os.environ["TRAINING_JOB_NAME"]}))
pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "notes.txt").write_text("done")
print("accuracy: 0.5"); print("accuracy: 0.75"); print("loss=1e-3", file=sys.stderr)
"""
    source = {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"}
    job = jobs.run(
        script,
        hyperparameters={"epochs": 3, "name": "x y"},
        Environment={"GREETING": "hello"},
        AlgorithmSpecification={
            "TrainingImage": PYTHON,
            "TrainingInputMode": "File",
            "MetricDefinitions": [
                {"Name": "accuracy", "Regex": "accuracy: ([0-9.]+)"},
                {"Name": "loss", "Regex": r"loss=(\S+)"},
            ],
        },
        InputDataConfig=[
            {"ChannelName": "train", "DataSource": {"S3DataSource": {**source, "S3Uri": f"s3://{jobs.bucket}/data"}}},
            {
                "ChannelName": "one",
                "DataSource": {"S3DataSource": {**source, "S3Uri": f"s3://{jobs.bucket}/one/exact.txt"}},
            },
        ],
    )
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed", (job, jobs.log(job["TrainingJobName"]))
    assert words(job) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(each["EndTime"] >= each["StartTime"] for each in job["SecondaryStatusTransitions"])
    assert job["TrainingStartTime"] <= job["TrainingEndTime"]
    model = f"s3://{jobs.bucket}/out/{job['TrainingJobName']}/output/model.tar.gz"
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": model}
    seen = json.loads(unpack(jobs.fetch(model))["seen.json"])
    assert seen["files"] == {"train/a.csv": "1,2\n", "train/deep/b.csv": "3\n", "one/exact.txt": "x"}
    assert seen["argv"] == ["--epochs", "3", "--name", "x y"]
    assert seen["hosts"] == ["algo-1"]
    assert seen["resources"]["current_instance_type"] == "ml.m5.large"
    assert (seen["user"], seen["name"]) == ("hello", job["TrainingJobName"])
    assert unpack(jobs.fetch(model.replace("model.tar", "output.tar"))) == {"notes.txt": b"done"}
    assert {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]} == pytest.approx(
        {"accuracy": 0.75, "loss": 0.001}
    )


def test_a_variable_that_cannot_be_set_is_named(jobs: Jobs) -> None:
    job = jobs.run("", Environment={"GREETING": "hel\0lo"})
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "ClientError: 'GREETING' cannot be set as an environment variable"


def test_a_place_that_no_file_system_has_is_named_as_the_job_would_know_it(jobs: Jobs) -> None:
    for path, reason in (("x" * 300, "File name too long: /opt/ml/xxx"), ("x/" * 2000, "too many directories")):
        job = jobs.run("", CheckpointConfig={"S3Uri": jobs.put({"a": "x"}), "LocalPath": f"/opt/ml/{path}"})
        assert job["TrainingJobStatus"] == "Failed"
        assert job["FailureReason"].startswith("ClientError: the inputs could not be laid out: ")
        assert reason in job["FailureReason"]


def test_https_urls_of_s3_are_taken_wherever_s3_uris_are(jobs: Jobs) -> None:
    jobs.s3.put_object(Bucket=jobs.bucket, Key="of https/a.csv", Body="1")
    path = f"https://s3-us-west-2.amazonaws.com/{jobs.bucket}"
    host = f"https://{jobs.bucket}.s3.eu-west-1.amazonaws.com"
    job = jobs.run(
        "import os, shutil; shutil.copy('/opt/ml/input/data/train/a.csv', os.environ['SM_MODEL_DIR'])",
        TrainingJobName=(name := f"https-{uuid.uuid4().hex[:8]}"),
        hyperparameters={"sagemaker_submit_directory": f"{path}/{name}/sourcedir.tar.gz"},
        InputDataConfig=[
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{host}/of%20https/"}},
            }
        ],
        OutputDataConfig={"S3OutputPath": f"{host}/of-https"},
    )
    assert job["TrainingJobStatus"] == "Completed", (job, jobs.log(name))
    model = f"s3://{jobs.bucket}/of-https/{name}/output/model.tar.gz"
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": model}
    assert unpack(jobs.fetch(model)) == {"a.csv": b"1"}
    with pytest.raises(ClientError, match="not an S3 URI: 'https://example"):
        jobs.start("", OutputDataConfig={"S3OutputPath": "https://example.com/out"})


def test_what_was_uploaded_in_parts_is_one_file_to_a_job(jobs: Jobs) -> None:
    data = os.urandom(11 << 20)
    in_parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    jobs.s3.upload_fileobj(io.BytesIO(data), jobs.bucket, "parts/large.bin", Config=in_parts)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{jobs.bucket}/parts"}
    script = """
import hashlib, pathlib
for path in pathlib.Path("/opt/ml/input/data/train").iterdir():
    print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
"""
    job = jobs.run(script, InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}])
    assert f"large.bin {hashlib.sha256(data).hexdigest()}" in jobs.log(job["TrainingJobName"])


ARGUMENTS = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, required=True)
parser.parse_args()
"""


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("def load():\n    raise ValueError('bad label')\n\nload()\n", r"train\.py.*line 2.*ValueError: bad label"),
        ("import sys; print('so long'); sys.exit(3)", r'ExitCode 3\nErrorMessage "so long".*exit code: 1'),
        ("raise SystemExit(3)", r'ExitCode 3\nErrorMessage ""\n'),
        ("raise ValueError('wrong columns\\n' + 'x\\n' * 20)", r"train\.py line 1: ValueError: wrong columns"),
        (ARGUMENTS, r"ExitCode 2\n.*usage: train.py \[-h\] --lr LR\ntrain.py: error: the following arguments"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"SIGKILL|137"),
        ("print('x'\n", r"SyntaxError"),
        ("import os; os.write(1, bytes(range(256)) * 50 + b'\\n'); raise RuntimeError('after binary')", "after binary"),
    ],
    ids=["raises", "exits", "exits-3", "several-lines", "usage", "killed", "syntax", "binary"],
)
def test_a_failure_names_its_cause(jobs: Jobs, script: str, reason: str) -> None:
    job = jobs.run(script)
    assert job["TrainingJobStatus"] == "Failed"
    assert words(job)[-1] == "Failed"
    import re

    assert re.search(reason, job["FailureReason"], re.DOTALL), job["FailureReason"]


def test_memory_beyond_the_instance_is_an_out_of_memory_failure(jobs: Jobs) -> None:
    job = jobs.run(
        "b = bytearray(12 << 30)\nfor i in range(0, len(b), 4096): b[i] = 1\n",
        ResourceConfig={"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1},
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert "out of memory" in job["FailureReason"].lower(), job["FailureReason"]


def test_stop_lets_the_script_save_and_keeps_the_model(jobs: Jobs) -> None:
    script = """
import os, pathlib, signal, sys, threading
def save(*_):
    pathlib.Path(os.environ["SM_MODEL_DIR"], "checkpoint").write_text("saved on SIGTERM")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("ready to be stopped", flush=True)
while True: signal.pause()
"""
    name = jobs.start(script)
    jobs.wait(name, lambda job: job["SecondaryStatus"] == "Training" and "ready to be stopped" in jobs.log(name))
    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    now = jobs.sagemaker.describe_training_job(TrainingJobName=name)
    assert now["TrainingJobStatus"] in ("Stopping", "Stopped")
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    assert words(job) == ["Starting", "Downloading", "Training", "Stopping", "Uploading", "Stopped"]
    model = unpack(jobs.fetch(job["ModelArtifacts"]["S3ModelArtifacts"]))
    assert model == {"checkpoint": b"saved on SIGTERM"}
    with pytest.raises(ClientError, match="status Stopped") as refused:
        jobs.sagemaker.stop_training_job(TrainingJobName=name)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_the_maximum_runtime_stops_a_job(jobs: Jobs) -> None:
    job = jobs.run("import signal\nsignal.pause()\n", StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_two_hosts_know_and_reach_one_another(jobs: Jobs) -> None:
    script = """
import json, os, socket, time
host, hosts = os.environ["SM_CURRENT_HOST"], json.loads(os.environ["SM_HOSTS"])
assert hosts == ["algo-1", "algo-2"], hosts
if host == "algo-1":
    with socket.create_server(("", 7777)) as server:
        peer, _ = server.accept()
        print("heard", peer.recv(100).decode())
else:
    while True:
        try:
            with socket.create_connection(("algo-1", 7777), 5) as peer:
                peer.sendall(b"hello from algo-2")
                break
        except ConnectionRefusedError:
            time.sleep(0.05)
"""
    job = jobs.run(script, ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1})
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert "heard hello from algo-2" in jobs.log(job["TrainingJobName"])
    prefix = f"{job['TrainingJobName']}/"
    streams = jobs.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=prefix, orderBy="LogStreamName", limit=50
    )
    assert [each["logStreamName"].rsplit("-", 1)[0] for each in streams["logStreams"]] == [
        f"{prefix}algo-1",
        f"{prefix}algo-2",
    ]


def test_one_host_that_fails_ends_the_others_and_is_named(jobs: Jobs) -> None:
    script = """
import os, signal
if os.environ["SM_CURRENT_HOST"] == "algo-2":
    raise ValueError("the second host is unhappy")
signal.pause()
"""
    job = jobs.run(script, ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1})
    assert job["TrainingJobStatus"] == "Failed"
    assert "the second host is unhappy" in job["FailureReason"]


def test_a_bucket_that_goes_away_meanwhile_fails_the_job_and_says_so(jobs: Jobs) -> None:
    bucket = f"gone-{uuid.uuid4().hex[:8]}"
    jobs.s3.create_bucket(Bucket=bucket)
    name = jobs.start(
        "import os, pathlib, time; pathlib.Path(os.environ['SM_MODEL_DIR'], 'm').touch(); time.sleep(1)",
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
    )
    jobs.wait(name, lambda job: job["SecondaryStatus"] == "Training")
    jobs.s3.delete_bucket(Bucket=bucket)
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == "Failed"
    assert "NoSuchBucket" in job["FailureReason"]


def refused(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_what_cannot_work_is_refused_before_anything_is_made(jobs: Jobs) -> None:
    name = f"never-{uuid.uuid4().hex[:8]}"

    def start(**request: Any) -> tuple[str, str]:
        return refused(lambda: jobs.start("pass", TrainingJobName=name, **request))

    image = {"TrainingImage": "1.dkr.ecr.us-east-1.amazonaws.com/my-own:1", "TrainingInputMode": "File"}
    code, message = start(AlgorithmSpecification=image)
    assert code == "ValidationException"
    assert "my-own" in message
    code, message = start(OutputDataConfig={"S3OutputPath": "s3://no-such-bucket-here/x"})
    assert "no-such-bucket-here" in message
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{jobs.bucket}/nothing/here"}
    code, message = start(InputDataConfig=[{"ChannelName": "t", "DataSource": {"S3DataSource": source}}])
    assert message.startswith("No S3 objects found under S3 URL")
    code, message = start(ResourceConfig={"InstanceType": "ml.m5.huge", "InstanceCount": 1, "VolumeSizeInGB": 1})
    assert code == "ValidationException"
    assert "enum value set" in message
    with pytest.raises(ClientError, match=r"Requested resource not found\."):
        jobs.sagemaker.describe_training_job(TrainingJobName=name)


def test_a_name_is_used_once(jobs: Jobs) -> None:
    name = jobs.start("pass")
    code, message = refused(lambda: jobs.start("pass", TrainingJobName=name))
    assert code == "ResourceInUse"
    assert "already exists" in message
    jobs.wait(name)


def test_jobs_are_listed_by_name_status_and_page(jobs: Jobs) -> None:
    part = uuid.uuid4().hex[:6]
    names = [jobs.start("pass", TrainingJobName=f"list-{part}-{index}") for index in range(3)]
    for name in names:
        jobs.wait(name)
    pages = list(
        jobs.sagemaker.get_paginator("list_training_jobs").paginate(
            NameContains=part, StatusEquals="Completed", SortBy="Name", SortOrder="Ascending", MaxResults=2
        )
    )
    assert [[each["TrainingJobName"] for each in page["TrainingJobSummaries"]] for page in pages] == [
        names[:2],
        names[2:],
    ]
    with pytest.raises(ClientError, match="NextToken"):
        jobs.sagemaker.list_training_jobs(NextToken="garbage")
    nothing = jobs.sagemaker.list_training_jobs(NameContains=part, StatusEquals="Failed")
    assert nothing["TrainingJobSummaries"] == []


def test_a_job_that_ended_can_be_deleted_and_its_name_used_again(jobs: Jobs) -> None:
    name = jobs.start("import signal\nsignal.pause()\n")
    code, _ = refused(lambda: jobs.sagemaker.delete_training_job(TrainingJobName=name))
    assert code == "ResourceInUse"
    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    jobs.wait(name)

    def deleted() -> bool:
        try:
            jobs.sagemaker.delete_training_job(TrainingJobName=name)
        except jobs.sagemaker.exceptions.ResourceInUse:
            return False  # not cleaned up after yet
        return True

    eventually(deleted, what=lambda: "it stays in use")
    with pytest.raises(ClientError, match="Requested resource not found"):
        jobs.sagemaker.describe_training_job(TrainingJobName=name)
    assert jobs.wait(jobs.start("pass", TrainingJobName=name))["TrainingJobStatus"] == "Completed"


def test_tags_follow_a_resource(jobs: Jobs) -> None:
    name = jobs.start("pass", Tags=[{"Key": "team", "Value": "churn"}])
    arn = jobs.wait(name)["TrainingJobArn"]
    jobs.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "test"}])
    jobs.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert jobs.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "test"}]
    assert ROLE.split(":")[4] in arn


@pytest.mark.slow
def test_what_runs_in_place_of_an_old_image_is_said(jobs: Jobs) -> None:
    """XGBoost's first image holds a release that no longer runs, whatever Pythons a machine has."""
    image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1"
    job = jobs.wait(
        jobs.start("print('ran')", AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"}),
        seconds=250,
    )
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    said = jobs.log(job["TrainingJobName"])[0]
    assert said.startswith("[sagewright] The image xgboost:1 holds XGBoost 0.72; XGBoost ")
    starting = [each["StatusMessage"] for each in job["SecondaryStatusTransitions"] if each["Status"] == "Starting"]
    assert said.removeprefix("[sagewright] ") in starting
