"""ProcessingJob through boto3: inputs and outputs at their paths, several instances, messages, failures, stops."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.eventually import eventually
from tests.kit.jobs import Jobs
from tests.kit.processing import Processing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def processing(jobs: Jobs) -> Processing:
    return Processing(jobs)


def test_inputs_lie_at_their_paths_and_outputs_are_kept(processing: Processing) -> None:
    data = processing.jobs.put({"a.csv": "1\n", "deep/b.csv": "2\n"})
    target = f"s3://{processing.jobs.bucket}/out-{uuid.uuid4().hex[:8]}"
    script = """
import json, os, pathlib, sys
root = pathlib.Path("/opt/ml/processing")
(root / "result/deep").mkdir()
(root / "result/deep/seen.json").write_text(json.dumps({
    "files": {str(p.relative_to(root)): p.read_text() for p in root.rglob("*.csv")},
    "argv": sys.argv[1:], "env": dict(os.environ),
    "job": json.loads(pathlib.Path("/opt/ml/config/processingjobconfig.json").read_text()),
    "resources": json.loads(pathlib.Path("/opt/ml/config/resourceconfig.json").read_text()),
}))
pathlib.Path("/opt/ml/output").mkdir(exist_ok=True)
pathlib.Path("/opt/ml/output/message").write_text("two rows" + "." * 2000)
print("hello from the script")
"""
    job = processing.run(
        script,
        inputs={
            "data": {"S3Uri": data, "LocalPath": "/opt/ml/processing/some/place"},
            "part of a name": {"S3Uri": data[:-1], "LocalPath": "/opt/ml/processing/part/"},
        },
        outputs={
            "what ever": {"S3Uri": f"{target}/", "LocalPath": "/opt/ml/processing/result"},
            "empty": {"S3Uri": f"{target}-none", "LocalPath": "/opt/ml/processing/none"},
        },
        arguments=["--rows", "3"],
        Environment={"GREETING": "hello"},
        NetworkConfig={"EnableNetworkIsolation": True},
    )
    name = job["ProcessingJobName"]
    assert job["ProcessingJobStatus"] == "Completed", (job, processing.log(name))
    assert job["ExitMessage"].startswith("two rows.")
    assert len(job["ExitMessage"]) == 1024
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert job["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 1
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert job["NetworkConfig"] == {"EnableNetworkIsolation": True, "EnableInterContainerTrafficEncryption": False}
    assert processing.log(name) == ["hello from the script"]
    found = processing.jobs.below(target)
    assert set(found) == {"deep/seen.json"}
    seen = json.loads(found["deep/seen.json"])
    folder = f"part/{data.rpartition('/')[2]}"
    assert seen["files"] == {
        "some/place/a.csv": "1\n",
        "some/place/deep/b.csv": "2\n",
        f"{folder}/a.csv": "1\n",
        f"{folder}/deep/b.csv": "2\n",
    }
    assert seen["argv"] == ["--rows", "3"]
    assert seen["env"]["GREETING"] == "hello"
    assert seen["env"]["PROCESSING_JOB_NAME"] == seen["job"]["ProcessingJobName"] == name
    assert seen["env"]["PROCESSING_JOB_ARN"] == seen["job"]["ProcessingJobArn"] == job["ProcessingJobArn"]
    assert seen["job"]["ProcessingInputs"][1]["S3Input"]["LocalPath"] == "/opt/ml/processing/some/place"
    assert (seen["resources"]["current_host"], seen["resources"]["hosts"]) == ("algo-1", ["algo-1"])
    listed = processing.jobs.sagemaker.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]
    assert [(each["ProcessingJobName"], each["ProcessingJobStatus"]) for each in listed] == [(name, "Completed")]


def test_instances_share_what_is_sharded_and_all_their_outputs_are_kept(processing: Processing) -> None:
    data = processing.jobs.put({f"{number}.txt": str(number) for number in range(5)})
    target = f"s3://{processing.jobs.bucket}/out-{uuid.uuid4().hex[:8]}"
    script = """
import json, pathlib, socket
host = json.loads(pathlib.Path("/opt/ml/config/resourceconfig.json").read_text())["current_host"]
other = socket.gethostbyname("algo-2")
root = pathlib.Path("/opt/ml/processing")
for kind in ("whole", "share"):
    names = sorted(p.name for p in (root / kind).iterdir())
    (root / "out" / f"{kind}-{host}").write_text(" ".join(names))
"""
    job = processing.run(
        script,
        count=2,
        inputs={
            "whole": {"S3Uri": data, "LocalPath": "/opt/ml/processing/whole"},
            "share": {
                "S3Uri": data,
                "LocalPath": "/opt/ml/processing/share",
                "S3DataDistributionType": "ShardedByS3Key",
            },
        },
        outputs={"out": {"S3Uri": target, "LocalPath": "/opt/ml/processing/out"}},
    )
    assert job["ProcessingJobStatus"] == "Completed", (job, processing.log(job["ProcessingJobName"]))
    assert processing.jobs.below(target) == {
        "whole-algo-1": b"0.txt 1.txt 2.txt 3.txt 4.txt",
        "whole-algo-2": b"0.txt 1.txt 2.txt 3.txt 4.txt",
        "share-algo-1": b"0.txt 2.txt 4.txt",
        "share-algo-2": b"1.txt 3.txt",
    }


def test_a_failure_names_the_users_line_and_keeps_what_there_is(processing: Processing) -> None:
    target = f"s3://{processing.jobs.bucket}/out-{uuid.uuid4().hex[:8]}"
    script = """import pathlib
pathlib.Path("/opt/ml/processing/out/part.txt").write_text("half")
pathlib.Path("/opt/ml/output").mkdir(exist_ok=True)
pathlib.Path("/opt/ml/output/message").write_text("only half")
def load():
    raise ValueError("bad row")
load()
"""
    job = processing.run(script, outputs={"out": {"S3Uri": target, "LocalPath": "/opt/ml/processing/out"}})
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: script.py line 6, in load: ValueError: bad row, exit code: 1"
    assert job["ExitMessage"] == "only half"
    assert processing.jobs.below(target) == {"part.txt": b"half"}


def test_an_object_whose_name_leaves_its_place_fails_the_job(processing: Processing) -> None:
    data = processing.jobs.put({"../../../escape": "x"})
    job = processing.run("print('ran')", inputs={"data": {"S3Uri": data, "LocalPath": "/opt/ml/processing/data"}})
    assert job["ProcessingJobStatus"] == "Failed"
    assert "'/opt/ml/processing/data/../../../escape' is not below" in job["FailureReason"]
    assert processing.log(job["ProcessingJobName"]) == []


def test_stop_and_the_end_of_time_stop_a_job(processing: Processing) -> None:
    script = """
import pathlib, signal, sys, time
def end(*_):
    pathlib.Path("/opt/ml/processing/out/said").write_text("asked to end")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("waiting")
while True:
    time.sleep(0.05)
"""
    target = f"s3://{processing.jobs.bucket}/out-{uuid.uuid4().hex[:8]}"
    out = {"out": {"S3Uri": target, "LocalPath": "/opt/ml/processing/out"}}
    timed = processing.start(script, outputs={}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    name = processing.start(script, outputs=out)
    eventually(lambda: processing.log(name), what=lambda: str(processing.describe(name)), seconds=60)
    processing.jobs.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert processing.describe(name)["ProcessingJobStatus"] in ("Stopping", "Stopped")
    assert processing.wait(name)["ProcessingJobStatus"] == "Stopped"
    assert processing.jobs.below(target) == {"said": b"asked to end"}
    with pytest.raises(ClientError, match="is in status Stopped"):
        processing.jobs.sagemaker.stop_processing_job(ProcessingJobName=name)
    out_of_time = processing.wait(timed)
    assert out_of_time["ProcessingJobStatus"] == "Stopped"
    assert out_of_time["ExitMessage"].startswith("Processing job runtime exceeded MaxRuntimeInSeconds provided")
    assert "ExitMessage" not in processing.describe(name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r["AppSpecification"].pop("ContainerEntrypoint"), "ContainerEntrypoint"),
        (lambda r: r["AppSpecification"].update(ImageUri="unheard/of:1"), "no image 'unheard/of'"),
        (lambda r: r["ProcessingInputs"][0]["S3Input"].update(LocalPath="/etc"), "below /opt/ml/processing/"),
        (lambda r: r["ProcessingInputs"][0]["S3Input"].update(LocalPath="/opt/ml/processing/../x"), "below"),
        (lambda r: r["ProcessingInputs"][0]["S3Input"].update(S3Uri="s3://nothing-here/x"), "No S3 objects found"),
        (lambda r: r["ProcessingInputs"][0]["S3Input"].update(S3DataType="ManifestFile"), "ManifestFile"),
        (lambda r: r["ProcessingInputs"].append(r["ProcessingInputs"][0]), "unique"),
        (lambda r: r["ProcessingOutputConfig"]["Outputs"][0]["S3Output"].update(S3Uri="s3://not-a-bucket"), "exist"),
        (lambda r: r["ProcessingOutputConfig"]["Outputs"][0].pop("S3Output"), "needs an S3Output"),
        (lambda r: r["ProcessingResources"]["ClusterConfig"].pop("InstanceType"), "InstanceType"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    processing: Processing, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    out = {"S3Uri": f"s3://{processing.jobs.bucket}/x", "LocalPath": "/opt/ml/processing/out"}
    request = processing.request("pass", outputs={"out": out})
    change(request)
    with pytest.raises(ClientError, match=words) as refused:
        processing.jobs.sagemaker.create_processing_job(**request)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_name_is_taken_once_and_unknown_jobs_are_not_found(processing: Processing) -> None:
    request = processing.request("pass")
    processing.jobs.sagemaker.create_processing_job(**request)
    with pytest.raises(ClientError, match="already exists") as taken:
        processing.jobs.sagemaker.create_processing_job(**request)
    assert taken.value.response["Error"]["Code"] == "ResourceInUse"
    with pytest.raises(ClientError, match=r"Requested resource not found\."):
        processing.describe("nobody")
    assert processing.wait(request["ProcessingJobName"])["ProcessingJobStatus"] == "Completed"
