"""Files that a job makes become objects, or the job says why not: rights and buckets that go away, many files."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from tests.kit.eventually import eventually
from tests.kit.jobs import Jobs
from tests.kit.principals import allow, deny, name_of, policy, role_of

Client = Callable[..., Any]
pytestmark = pytest.mark.slow
WRITES = """
import signal, sys, time
number = 0
signal.signal(signal.SIGTERM, lambda *_: (open("/opt/ml/checkpoints/last", "w").write("last"), sys.exit(0)))
while True:
    open("/opt/ml/checkpoints/%d" % number, "w").write("x")
    number += 1
    time.sleep(0.5)
"""


def own(jobs: Jobs) -> Any:
    """Everything in the bucket of the jobs."""
    return allow("s3:*", on=[f"arn:aws:s3:::{jobs.bucket}", f"arn:aws:s3:::{jobs.bucket}/*"])


def status(jobs: Jobs, name: str) -> str:
    return str(jobs.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"])


def test_a_role_that_loses_its_rights_is_said_in_the_log_and_at_the_end(client: Client, jobs: Jobs) -> None:
    role = role_of(client, own(jobs))
    where = jobs.put({}, f"checkpoints-{uuid.uuid4().hex}")
    name = jobs.start(WRITES, RoleArn=role, CheckpointConfig={"S3Uri": where})
    eventually(lambda: "0" in jobs.below(where), what=lambda: str(jobs.log(name)), seconds=60)
    forbidden = deny("s3:PutObject", on=f"arn:aws:s3:::{jobs.bucket}/checkpoints-*")
    client("iam").put_role_policy(RoleName=name_of(role), PolicyName="q", PolicyDocument=policy(forbidden))
    said = f"sagewright: files cannot be copied to {where} for now: AccessDenied: User: "
    eventually(lambda: said in "\n".join(jobs.log(name)), what=lambda: str(jobs.log(name)), seconds=60)
    assert status(jobs, name) == "InProgress"

    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Unable to upload the output to S3: AccessDenied: User: ")
    assert "last" not in jobs.below(where)
    assert "\n".join(jobs.log(name)).count(said) < 4, "it is not said for each file"


def test_nothing_is_lost_while_the_bucket_is_away(jobs: Jobs) -> None:
    bucket = f"away-{uuid.uuid4().hex[:10]}"
    jobs.s3.create_bucket(Bucket=bucket)
    name = jobs.start(WRITES, CheckpointConfig={"S3Uri": f"s3://{bucket}/deep/"})
    jobs.wait(name, lambda job: job["SecondaryStatus"] == "Training")

    def emptied() -> bool:
        for each in jobs.s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
            jobs.s3.delete_object(Bucket=bucket, Key=each["Key"])
        try:
            jobs.s3.delete_bucket(Bucket=bucket)
        except jobs.s3.exceptions.ClientError:
            return False
        return True

    eventually(emptied, what=lambda: "an empty bucket", seconds=60)
    said = f"files cannot be copied to s3://{bucket}/deep for now: NoSuchBucket"
    eventually(lambda: said in "\n".join(jobs.log(name)), what=lambda: str(jobs.log(name)), seconds=60)
    assert status(jobs, name) == "InProgress"

    jobs.s3.create_bucket(Bucket=bucket)
    jobs.sagemaker.stop_training_job(TrainingJobName=name)
    assert jobs.wait(name)["TrainingJobStatus"] == "Stopped"
    kept = jobs.below(f"s3://{bucket}/deep")
    assert kept["last"] == b"last"
    numbers = sorted(int(key) for key in kept if key != "last")
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "what was written meanwhile is there"


def test_a_deletion_that_the_role_may_not_make_ends_no_job(client: Client, jobs: Jobs) -> None:
    role = role_of(client, own(jobs), deny("s3:DeleteObject", on="*"))
    where = jobs.put({"old": "old"}, f"checkpoints-{uuid.uuid4().hex}")
    script = "import os; os.remove('/opt/ml/checkpoints/old'); open('/opt/ml/checkpoints/new', 'w').write('new')"
    job = jobs.run(script, RoleArn=role, CheckpointConfig={"S3Uri": where})
    assert job["TrainingJobStatus"] == "Completed", job
    assert jobs.below(where) == {"old": b"old", "new": b"new"}
    assert "though the job deleted it" in "\n".join(jobs.log(job["TrainingJobName"]))


def test_many_files_are_stored_in_portions(jobs: Jobs) -> None:
    where = jobs.put({}, f"checkpoints-{uuid.uuid4().hex}")
    script = """
for place in ("/opt/ml/checkpoints", "/opt/ml/model"):
    for number in range(1500):
        open("%s/%d" % (place, number), "w").write(str(number))
"""
    output = {"S3OutputPath": where + "-out", "CompressionType": "NONE"}
    job = jobs.run(script, CheckpointConfig={"S3Uri": where}, OutputDataConfig=output)
    assert job["TrainingJobStatus"] == "Completed", job
    for prefix in (where, job["ModelArtifacts"]["S3ModelArtifacts"]):
        pages = jobs.s3.get_paginator("list_objects_v2").paginate(
            Bucket=jobs.bucket, Prefix=prefix.removeprefix(f"s3://{jobs.bucket}/") + "/"
        )
        sizes = {each["Key"].rpartition("/")[2]: each["Size"] for page in pages for each in page["Contents"]}
        assert sizes == {str(number): len(str(number)) for number in range(1500)}


def test_a_file_of_an_output_that_s3_cannot_have_fails_the_job_with_a_reason(jobs: Jobs) -> None:
    script = r"open(b'/opt/ml/model/caf\xe9', 'w').write('x')"
    output = {"S3OutputPath": f"s3://{jobs.bucket}/odd", "CompressionType": "NONE"}
    job = jobs.run(script, OutputDataConfig=output)
    assert job["TrainingJobStatus"] == "Failed"
    assert "its name is not UTF-8" in job["FailureReason"]
