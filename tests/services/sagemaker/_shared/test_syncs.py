"""Checkpoints and TensorBoard output: restored before the start, copied while the job runs, whole at its end."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.eventually import eventually
from tests.kit.jobs import Jobs

pytestmark = pytest.mark.slow
WAIT = """
def wait_for(name):
    import os, time
    deadline = time.monotonic() + 60
    while not os.path.exists(name):
        assert time.monotonic() < deadline, name + " did not come"
        time.sleep(0.05)
"""


def checkpoints(jobs: Jobs, files: dict[str, str | bytes] | None = None, **more: Any) -> dict[str, Any]:
    """A CheckpointConfig of a prefix with these objects."""
    return {"S3Uri": jobs.put(files or {}, f"checkpoints-{uuid.uuid4().hex[:8]}"), **more}


def test_checkpoints_are_restored_and_what_changed_is_kept(jobs: Jobs) -> None:
    config = checkpoints(jobs, {"epoch-1": "one", "deep/er/epoch-1": "deep", "old": "old"})
    beside = jobs.put({"not-a-checkpoint": "x"}, config["S3Uri"].rpartition("/")[2] + "-beside")
    script = """
import json, os, pathlib
root = pathlib.Path("/opt/ml/checkpoints")
print("restored", sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()))
print("config", json.load(open("/opt/ml/input/config/checkpointconfig.json"))["LocalPath"])
(root / "epoch-2").write_text("two")
(root / "epoch-1").write_text("one, again")
(root / "new").mkdir()
(root / "new" / "epoch-2").write_text("deep two")
(root / "half.sagemaker-ignore").write_text("not finished")
os.remove(root / "old")
"""
    job = jobs.run(script, CheckpointConfig=config)
    log = jobs.log(job["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Completed", log
    assert "restored ['deep/er/epoch-1', 'epoch-1', 'old']" in log
    assert "config /opt/ml/checkpoints" in log
    assert jobs.below(config["S3Uri"]) == {
        "epoch-1": b"one, again",
        "epoch-2": b"two",
        "deep/er/epoch-1": b"deep",
        "new/epoch-2": b"deep two",
    }
    assert jobs.below(beside) == {"not-a-checkpoint": b"x"}
    assert job["CheckpointConfig"] == config


def test_checkpoints_are_copied_while_the_job_runs_and_marked(jobs: Jobs) -> None:
    config = checkpoints(jobs, LocalPath="/opt/ml/saved/")
    script = f"""{WAIT}
import os
os.chdir("/opt/ml/saved")
open("first", "w").write("1")
wait_for("first.sagemaker-uploaded")
print("uploading too", os.path.exists("first.sagemaker-uploading"), flush=True)
os.remove("first")
wait_for("/opt/ml/saved/end")
"""
    name = jobs.start(script, CheckpointConfig=config)
    jobs.wait(name, lambda _: "uploading too True" in jobs.log(name))
    prefix = config["S3Uri"].rpartition("/")[2]
    eventually(
        lambda: not jobs.s3.list_objects_v2(Bucket=jobs.bucket, Prefix=f"{prefix}/")["KeyCount"],
        what=lambda: "a deletion is copied while the job runs",
    )
    assert jobs.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "InProgress"
    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    assert jobs.wait(name)["TrainingJobStatus"] == "Stopped"


ENDS = {
    "failed": ("raise SystemExit(3)", "Failed"),
    "killed": ("os.kill(os.getpid(), 9)", "Failed"),
    "too long": ("signal.signal(signal.SIGTERM, lambda *_: os._exit(1)); time.sleep(600)", "Stopped"),
    "stopped": ("time.sleep(600)", "Stopped"),
}


@pytest.mark.parametrize("end", ENDS)
def test_checkpoints_are_kept_however_the_job_ends(jobs: Jobs, end: str) -> None:
    config = checkpoints(jobs)
    line, status = ENDS[end]
    script = f"""
import os, signal, time
open("/opt/ml/checkpoints/last", "w").write("kept")
print("written", flush=True)
{line}
"""
    seconds = 1 if end == "too long" else 300
    name = jobs.start(script, CheckpointConfig=config, StoppingCondition={"MaxRuntimeInSeconds": seconds})
    if end == "stopped":
        jobs.wait(name, lambda _: "written" in jobs.log(name))
        jobs.sagemaker.stop_training_job(TrainingJobName=name)
    assert jobs.wait(name)["TrainingJobStatus"] == status
    assert jobs.below(config["S3Uri"]) == {"last": b"kept"}


def test_each_host_restores_all_checkpoints_and_keeps_its_own(jobs: Jobs) -> None:
    config = checkpoints(jobs, {"epoch-1": "one"})
    script = """
import os
print(os.environ["SM_CURRENT_HOST"], os.listdir("/opt/ml/checkpoints"))
open("/opt/ml/checkpoints/of-" + os.environ["SM_CURRENT_HOST"], "w").write("x")
"""
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    job = jobs.run(script, CheckpointConfig=config, ResourceConfig=resources)
    log = jobs.log(job["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Completed", log
    assert {"algo-1 ['epoch-1']", "algo-2 ['epoch-1']"} <= set(log)
    assert set(jobs.below(config["S3Uri"])) == {"epoch-1", "of-algo-1", "of-algo-2"}


def test_only_regular_files_of_the_jobs_own_tree_are_copied(jobs: Jobs) -> None:
    config = checkpoints(jobs)
    tensorboard = {"S3OutputPath": jobs.put({}), "LocalPath": "/opt/ml/board"}
    script = """
import os
os.chdir("/opt/ml/checkpoints")
os.symlink("/etc/passwd", "passwd")
os.symlink("/etc", "etc")
os.symlink("/opt/ml/code/train.py", "inside")
os.mkfifo("pipe")
os.rmdir("/opt/ml/board")
os.symlink("/etc", "/opt/ml/board")
open("file", "w").write("x")
os.truncate(os.open("holes", os.O_CREAT | os.O_WRONLY), 1 << 20)
"""
    job = jobs.run(script, CheckpointConfig=config, TensorBoardOutputConfig=tensorboard)
    assert job["TrainingJobStatus"] == "Completed", job
    assert jobs.below(config["S3Uri"]) == {"file": b"x", "holes": bytes(1 << 20)}
    assert jobs.below(tensorboard["S3OutputPath"]) == {}


def test_a_name_that_s3_cannot_have_is_said_in_the_log(jobs: Jobs) -> None:
    config = checkpoints(jobs)
    script = """
import os
os.chdir(b"/opt/ml/checkpoints")
open(b"caf\\xe9", "w").write("x")
deep = "d" * 200
for _ in range(5):
    os.mkdir(deep)
    os.chdir(deep)
open("file", "w").write("x")
open("/opt/ml/checkpoints/good", "w").write("x")
"""
    job = jobs.run(script, CheckpointConfig=config)
    log = "\n".join(jobs.log(job["TrainingJobName"]))
    assert job["TrainingJobStatus"] == "Completed", log
    assert jobs.below(config["S3Uri"]) == {"good": b"x"}
    assert "its name is not UTF-8" in log
    assert "S3 takes 1024" in log


def test_holes_beyond_the_disk_are_no_way_to_fill_the_server(jobs: Jobs) -> None:
    config = checkpoints(jobs)
    script = """
import os
os.truncate(os.open("/opt/ml/checkpoints/holes", os.O_CREAT | os.O_WRONLY), 1 << 40)
"""
    job = jobs.run(script, CheckpointConfig=config)
    assert job["TrainingJobStatus"] == "Failed"
    assert "more than the 1024 MiB that the job may have on disk" in job["FailureReason"]
    assert jobs.below(config["S3Uri"]) == {}


def test_tensorboard_output_is_copied_while_the_job_runs(jobs: Jobs) -> None:
    where = jobs.put({})
    script = f"""{WAIT}
open("/opt/ml/output/tensorboard/events", "w").write("step 1")
wait_for("/opt/ml/checkpoints/go")
"""
    name = jobs.start(script, TensorBoardOutputConfig={"S3OutputPath": where}, CheckpointConfig=checkpoints(jobs))
    board = f"{where}/{name}/tensorboard-output"
    eventually(lambda: jobs.below(board) == {"events": b"step 1"}, what=lambda: str(jobs.log(name)), seconds=60)
    assert jobs.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "InProgress"
    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    jobs.wait(name)
    assert jobs.below(board) == {"events": b"step 1"}, "what is there at the end stays there"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no bucket": ({"CheckpointConfig": {"S3Uri": "s3://not-there/x"}}, "does not exist"),
    "no bucket for TensorBoard": ({"TensorBoardOutputConfig": {"S3OutputPath": "s3://not-there"}}, "does not exist"),
    "elsewhere": ({"CheckpointConfig": {"S3Uri": "", "LocalPath": "/tmp/x"}}, "has to be below /opt/ml/"),
    "all of it": ({"CheckpointConfig": {"S3Uri": "", "LocalPath": "/opt/ml/"}}, "has to be below /opt/ml/"),
    "out of it": ({"CheckpointConfig": {"S3Uri": "", "LocalPath": "/opt/ml/../x"}}, "has to be below /opt/ml/"),
    "the input": ({"CheckpointConfig": {"S3Uri": "", "LocalPath": "/opt/ml/input/data/x"}}, "are taken"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_followed_is_refused_at_create(jobs: Jobs, case: str) -> None:
    request, message = json.loads(json.dumps(REFUSED[case]).replace('""', f'"s3://{jobs.bucket}/x"'))
    with pytest.raises(ClientError, match=message) as caught:
        jobs.start("", **request)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
