"""Inputs of training, processing and transform jobs: prefixes, manifests, packed files, their order and their modes."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.jobs import Jobs
from tests.kit.principals import allow, role_of
from tests.kit.processing import Processing
from tests.kit.transforms import LINES, Transforms, transforms_of

Client = Callable[..., Any]
pytestmark = pytest.mark.slow
LIST = """
import json, os, pathlib
root = pathlib.Path("/opt/ml/input/data/train")
files = {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}
print(os.environ["SM_CURRENT_HOST"], json.dumps(files))
"""
TWO = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}


@pytest.fixture(scope="module")
def processing(jobs: Jobs) -> Processing:
    return Processing(jobs)


@pytest.fixture(scope="module")
def transforms(jobs: Jobs) -> Transforms:
    return transforms_of(jobs)


def channel(uri: str, kind: str = "S3Prefix", **more: Any) -> dict[str, Any]:
    """A channel ``train``; capitalised members that S3DataSource has go there."""
    source = {"S3DataType": kind, "S3Uri": uri}
    source |= {name: more.pop(name) for name in ("S3DataDistributionType",) if name in more}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}, **more}


def manifest(jobs: Jobs, *entries: Any) -> str:
    return jobs.put({"some.manifest": json.dumps(entries)}) + "/some.manifest"


def seen(jobs: Jobs, job: Any) -> dict[str, dict[str, str]]:
    """What each host of a job that ran LIST found."""
    log = jobs.log(job["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), log)
    return {
        host: json.loads(text) for host, _, text in (line.partition(" ") for line in log) if host.startswith("algo-")
    }


def test_a_manifest_channel_has_the_objects_it_names(jobs: Jobs) -> None:
    below = jobs.put({"a.csv": "a", "deep/b.csv": "b", "not-named.csv": "c"})
    uri = manifest(jobs, {"prefix": f"{below}/"}, "a.csv", "deep/b.csv")
    assert seen(jobs, jobs.run(LIST, InputDataConfig=[channel(uri, "ManifestFile")])) == {
        "algo-1": {"a.csv": "a", "deep/b.csv": "b"}
    }


def test_a_manifest_is_spread_over_hosts_in_an_order_that_a_seed_shuffles(jobs: Jobs) -> None:
    names = [f"{number}.csv" for number in range(12)]
    below = jobs.put({name: name for name in names})
    uri = manifest(jobs, {"prefix": f"{below}/"}, *names)
    shares = {}
    for seed in (None, 1, 1 + (1 << 40)):
        more = {} if seed is None else {"ShuffleConfig": {"Seed": seed}}
        one = channel(uri, "ManifestFile", S3DataDistributionType="ShardedByS3Key", **more)
        found = seen(jobs, jobs.run(LIST, InputDataConfig=[one], ResourceConfig=TWO))
        assert sorted([*found["algo-1"], *found["algo-2"]]) == sorted(names)
        assert len(found["algo-1"]) == len(found["algo-2"]) == 6
        shares[seed] = set(found["algo-1"])
    assert shares[None] == set(names[::2])
    assert len({frozenset(share) for share in shares.values()}) == 3


def test_a_seed_shuffles_what_lies_below_a_prefix_the_same_way_each_time(jobs: Jobs) -> None:
    below = jobs.put({f"{number:02}": "x" for number in range(16)})
    one = channel(f"{below}/", S3DataDistributionType="ShardedByS3Key", ShuffleConfig={"Seed": 7})
    first, second = (seen(jobs, jobs.run(LIST, InputDataConfig=[one], ResourceConfig=TWO)) for _ in range(2))
    assert first == second
    assert sorted(first["algo-1"]) != [f"{number:02}" for number in range(0, 16, 2)]


def test_a_prefix_is_all_that_begins_so(jobs: Jobs) -> None:
    below = jobs.put({"rows.csv": "1", "rows.csv.part2": "2", "other": "3"})
    assert seen(jobs, jobs.run(LIST, InputDataConfig=[channel(f"{below}/rows.csv")])) == {
        "algo-1": {"rows.csv": "1", "rows.csv.part2": "2"}
    }
    both = jobs.put({"data": "a key", "data/x.csv": "below it"})
    assert seen(jobs, jobs.run(LIST, InputDataConfig=[channel(f"{both}/data")])) == {
        "algo-1": {"data": "a key", "x.csv": "below it"}
    }


def test_keys_that_would_be_file_and_directory_at_once_are_named(jobs: Jobs) -> None:
    both = jobs.put({"data": "a key", "data/x.csv": "below it"})
    named = manifest(jobs, {"prefix": f"{both}/"}, "data", "data/x.csv")
    for one in (channel(f"{both}/dat"), channel(named, "ManifestFile")):
        job = jobs.run(LIST, InputDataConfig=[one])
        assert job["TrainingJobStatus"] == "Failed"
        assert "an object 'data' and an object 'data/x.csv'" in job["FailureReason"]


def test_packed_files_are_unpacked(jobs: Jobs) -> None:
    below = jobs.put({"a.csv.gz": gzip.compress(b"1,2"), "plain-name": gzip.compress(b"3") + gzip.compress(b"4")})
    assert seen(jobs, jobs.run(LIST, InputDataConfig=[channel(below, CompressionType="Gzip")])) == {
        "algo-1": {"a.csv": "1,2", "plain-name": "34"}
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not packed", "a.gz cannot be unpacked, and CompressionType is Gzip"),
        (gzip.compress(b"half")[:-9], "a.gz cannot be unpacked, and CompressionType is Gzip"),
        (gzip.compress(bytes(64 << 20)) * 17, "more bytes, unpacked, than the job may have on disk"),
    ],
    ids=["not packed", "half", "too much"],
)
def test_files_that_cannot_be_unpacked_fail_the_job(jobs: Jobs, content: bytes, reason: str) -> None:
    job = jobs.run(LIST, InputDataConfig=[channel(jobs.put({"a.gz": content}), CompressionType="Gzip")])
    assert job["TrainingJobStatus"] == "Failed"
    assert reason in job["FailureReason"]


def test_fast_file_is_said_to_be_as_file(jobs: Jobs) -> None:
    script = "import json; print(json.load(open('/opt/ml/input/config/inputdataconfig.json'))['train'])\n" + LIST
    one = channel(jobs.put({"a": "x"}), InputMode="FastFile")
    job = jobs.run(script, InputDataConfig=[one])
    assert seen(jobs, job) == {"algo-1": {"a": "x"}}
    log = jobs.log(job["TrainingJobName"])
    assert "'TrainingInputMode': 'FastFile'" in "\n".join(log)
    said = [line for line in log if "sagewright]" in line]
    assert said == ["[sagewright] FastFile: the files of train are copied before the start, as in File mode"]


def test_a_broken_manifest_fails_the_job_with_a_reason(jobs: Jobs) -> None:
    below = jobs.put({"a": "x"})
    for uri, reason in {
        jobs.put({"m": "a,b\n"}) + "/m": "cannot be read: it is not JSON",
        manifest(jobs, {"prefix": f"{below}/"}, "a", "gone"): f"NoSuchKey (404): {below}/gone, named by the manifest",
        manifest(jobs, {"prefix": "s3://not-a-bucket-here/"}, "a"): "NoSuchKey (404): s3://not-a-bucket-here/a",
        manifest(jobs, {"prefix": f"{below}/"}, "../../../etc/passwd"): "leaves the place of its input",
    }.items():
        job = jobs.run(LIST, InputDataConfig=[channel(uri, "ManifestFile")])
        assert job["TrainingJobStatus"] == "Failed"
        assert job["FailureReason"].startswith("ClientError: Data download failed:")
        assert reason in job["FailureReason"]


def test_the_objects_of_a_manifest_are_read_as_the_role(client: Client, jobs: Jobs) -> None:
    secret = f"secret-{uuid.uuid4().hex[:10]}"
    jobs.s3.create_bucket(Bucket=secret)
    jobs.s3.put_object(Bucket=secret, Key="key", Body=b"theirs")
    role = role_of(client, allow("s3:*", on=[f"arn:aws:s3:::{jobs.bucket}", f"arn:aws:s3:::{jobs.bucket}/*"]))
    uri = manifest(jobs, {"prefix": f"s3://{secret}/"}, "key")
    job = jobs.run(LIST, RoleArn=role, InputDataConfig=[channel(uri, "ManifestFile")])
    assert job["TrainingJobStatus"] == "Failed"
    assert f"Unable to download s3://{secret}/key (AccessDenied" in job["FailureReason"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a pipe": ({"InputMode": "Pipe"}, r"InputDataConfig\[0\].InputMode Pipe is not supported yet"),
    "an augmented manifest": ({"kind": "AugmentedManifestFile"}, "AugmentedManifestFile is not supported yet"),
    "conversations": ({"kind": "Converse"}, "Converse is not supported yet"),
    "no manifest": ({"kind": "ManifestFile"}, "there is no ManifestFile at"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_fetched_is_refused_by_name(jobs: Jobs, case: str) -> None:
    members, message = REFUSED[case]
    with pytest.raises(ClientError, match=message) as caught:
        jobs.start(LIST, InputDataConfig=[channel(jobs.put({"a": "x"}), **members)])
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_processing_job_takes_manifests_and_packed_files(jobs: Jobs, processing: Processing) -> None:
    below = jobs.put({"a": "a", "b": "b", "c": "c", "d": "d"})
    packed = jobs.put({"x.csv.gz": gzip.compress(b"1,2")})
    script = """
import json, os, pathlib
host = json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"]
for name in ("listed", "packed"):
    place = pathlib.Path("/opt/ml/processing", name)
    print(host, {path.name: path.read_text() for path in sorted(place.iterdir())})
"""
    listed = {
        "S3Uri": manifest(jobs, {"prefix": f"{below}/"}, "a", "b", "c"),
        "LocalPath": "/opt/ml/processing/listed",
        "S3DataType": "ManifestFile",
        "S3DataDistributionType": "ShardedByS3Key",
    }
    gzipped = {"S3Uri": packed, "LocalPath": "/opt/ml/processing/packed", "S3CompressionType": "Gzip"}
    job = processing.run(script, inputs={"listed": listed, "packed": gzipped}, count=2)
    log = processing.log(job["ProcessingJobName"])
    assert job["ProcessingJobStatus"] == "Completed", log
    assert set(log) == {
        "algo-1 {'a': 'a', 'c': 'c'}",
        "algo-2 {'b': 'b'}",
        "algo-1 {'x.csv': '1,2'}",
        "algo-2 {'x.csv': '1,2'}",
    }


def test_a_transform_job_takes_a_manifest(jobs: Jobs, transforms: Transforms) -> None:
    request = transforms.request({"one.csv": "1,2\n", "deep/two.csv": "3\n", "not-named.csv": "4\n"}, **LINES)
    source = request["TransformInput"].pop("DataSource")["S3DataSource"]
    uri = manifest(jobs, {"prefix": f"{source['S3Uri']}/"}, "one.csv", "deep/two.csv")
    request["TransformInput"]["DataSource"] = {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": uri}}
    jobs.sagemaker.create_transform_job(**request)
    job, written = transforms.wait(request["TransformJobName"])
    assert job["TransformJobStatus"] == "Completed", job
    assert written == {"one.csv.out": b"30.0\n", "deep/two.csv.out": b"30.0\n"}
