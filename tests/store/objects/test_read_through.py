"""AWS's public sample buckets, read through from a second server that stands for AWS, and kept."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.kit.eventually import eventually
from tests.kit.jobs import Jobs, unpack
from tests.kit.principals import Person, allow, policy
from tests.kit.relay import Relay
from tests.kit.s3 import refusal

from sagewright.store.objects.read_through import PASSED_AT_ONCE
from sagewright.testing.server import ServerProcess, sagewright

SAMPLES = "sagemaker-sample-files"
REGIONAL = "sagemaker-sample-data-us-west-2"
READABLE = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"]}
SMALL = {"data/a.csv": b"1,2\n", "data/b c+d.csv": b"3,4\n", "data/deep/x.csv": b"5\n", "code/train.py": b"print(1)"}


def client_of(server: ServerProcess, service: str = "s3", **options: Any) -> Any:
    config = Config(retries={"total_max_attempts": 1}, proxies={}).merge(options.pop("config", Config()))
    return boto3.client(service, config=config, **{**server.client_options(), **options})  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """What stands for AWS: the same buckets, open to everybody."""
    with ServerProcess(tmp_path_factory.mktemp("aws") / "data", env={"SAGEWRIGHT_SAMPLES": "off"}) as server:
        for bucket, region in ((SAMPLES, "us-east-1"), (REGIONAL, "us-west-2")):
            s3 = client_of(server, region_name=region)
            s3.create_bucket(
                Bucket=bucket,
                **({"CreateBucketConfiguration": {"LocationConstraint": region}} if region != "us-east-1" else {}),
            )
            arns = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
            s3.put_bucket_policy(Bucket=bucket, Policy=policy({**READABLE, "Resource": arns}))
            for key, body in SMALL.items():
                s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/csv", Metadata={"of": "aws"})
        yield server


@pytest.fixture
def relay(aws: ServerProcess) -> Iterator[Relay]:
    with Relay(aws.url) as between:
        yield between


@pytest.fixture
def here(relay: Relay, tmp_path: Path) -> Iterator[ServerProcess]:
    env = {"SAGEWRIGHT_SAMPLES_URL": relay.url, "SAGEWRIGHT_SAMPLES_CACHE_MB": "64"}
    with ServerProcess(tmp_path / "data", env=env) as server:
        yield server


def message(call: Callable[..., Any], **members: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**members)
    return str(caught.value)


def kept(server: ServerProcess, count: int) -> None:
    """Waits until the server holds the bytes of so many objects."""
    blobs = server.data_dir / "objects" / "blobs"

    def there() -> list[Path]:
        return [path for path in blobs.rglob("*") if path.is_file()]

    eventually(lambda: len(there()) == count, what=lambda: f"{there()}\n{server.log_tail()}")


def test_a_sample_bucket_is_read_as_on_aws(here: ServerProcess, relay: Relay, aws: ServerProcess) -> None:
    s3, theirs = client_of(here), client_of(aws)
    assert s3.head_bucket(Bucket=SAMPLES)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=REGIONAL)["LocationConstraint"] == "us-west-2"
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=SAMPLES)["Contents"]] == sorted(SMALL)
    folded = s3.list_objects_v2(Bucket=SAMPLES, Delimiter="/", MaxKeys=1)
    assert [each["Prefix"] for each in folded["CommonPrefixes"]] == ["code/"]
    folded = s3.list_objects_v2(Bucket=SAMPLES, Delimiter="/", ContinuationToken=folded["NextContinuationToken"])
    assert ([each["Prefix"] for each in folded["CommonPrefixes"]], folded["IsTruncated"]) == (["data/"], False)
    for key, body in SMALL.items():
        head, original = s3.head_object(Bucket=SAMPLES, Key=key), theirs.head_object(Bucket=SAMPLES, Key=key)
        for member in ("ETag", "ContentLength", "LastModified", "ContentType", "Metadata"):
            assert head[member] == original[member]
        for _ in range(2):
            got = s3.get_object(Bucket=SAMPLES, Key=key)
            assert (got["Body"].read(), got["ETag"], got["LastModified"]) == (body, head["ETag"], head["LastModified"])
    assert s3.get_object(Bucket=SAMPLES, Key="data/a.csv", Range="bytes=2-3")["Body"].read() == b"2\n"
    assert refusal(s3.get_object, Bucket=SAMPLES, Key="none") == (404, "NoSuchKey")
    assert "public sample bucket" in here.log.read_text()
    assert here.log.read_text().count(f"{SAMPLES} is a public sample bucket") == 1


def test_what_was_read_is_kept_and_the_rest_is_said_to_be_away(
    here: ServerProcess, relay: Relay, tmp_path: Path
) -> None:
    s3 = client_of(here)
    assert s3.get_object(Bucket=SAMPLES, Key="data/a.csv")["Body"].read() == b"1,2\n"

    def held() -> bool:  # what is held is not asked for again
        asked = len(relay.asked)
        assert s3.get_object(Bucket=SAMPLES, Key="data/a.csv")["Body"].read() == b"1,2\n"
        return len(relay.asked) == asked

    eventually(held, what=lambda: f"{relay.asked}\n{here.log_tail()}")
    assert relay.asked.count(f"GET /{SAMPLES}/data/a.csv") == 1
    relay.go_away()
    assert s3.get_object(Bucket=SAMPLES, Key="data/a.csv")["Body"].read() == b"1,2\n"
    for call, members in (
        (s3.get_object, {"Bucket": SAMPLES, "Key": "code/train.py"}),
        (s3.list_objects_v2, {"Bucket": SAMPLES}),
        (s3.list_objects_v2, {"Bucket": REGIONAL}),
    ):
        said = message(call, **members)
        assert f"sagewright samples add {members['Bucket']} FOLDER" in said
        assert "(NoSuchBucket)" in said
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{REGIONAL}/data/"}
    s3.create_bucket(Bucket="mine")
    jobs = Jobs(client_of(here, "sagemaker"), s3, client_of(here, "logs"), "mine")
    channel = [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]
    assert f"sagewright samples add {REGIONAL} FOLDER" in message(jobs.start, script="", InputDataConfig=channel)


def test_everybody_who_may_read_buckets_reads_them_and_nobody_writes(here: ServerProcess) -> None:
    def client(service: str, **options: Any) -> Any:
        return client_of(here, service, **options)

    admin = client("s3")
    reader = Person(client).may(allow("s3:Get*", "s3:List*")).client("s3")
    assert reader.get_object(Bucket=SAMPLES, Key="data/a.csv")["Body"].read() == b"1,2\n"
    assert reader.list_objects_v2(Bucket=SAMPLES)["KeyCount"] == len(SMALL)
    nobody = Person(client).client("s3")
    for s3 in (nobody, Person(client).may(allow("s3:*", on="arn:aws:s3:::other/*")).client("s3")):
        assert refusal(s3.get_object, Bucket=SAMPLES, Key="data/a.csv") == (403, "AccessDenied")
        assert refusal(s3.list_objects_v2, Bucket=SAMPLES) == (403, "AccessDenied")
    assert urllib3.request("GET", f"{here.url}/{SAMPLES}/data/a.csv").data == b"1,2\n"
    for s3 in (admin, reader):
        assert refusal(s3.put_object, Bucket=SAMPLES, Key="k", Body=b"") == (403, "AccessDenied")
        assert refusal(s3.delete_object, Bucket=SAMPLES, Key="data/a.csv") == (403, "AccessDenied")
        assert refusal(s3.delete_bucket, Bucket=SAMPLES) == (403, "AccessDenied")
    assert admin.list_buckets()["Buckets"] == []
    admin.create_bucket(Bucket="mine")
    admin.copy_object(Bucket="mine", Key="copy", CopySource={"Bucket": SAMPLES, "Key": "data/b c+d.csv"})
    assert admin.get_object(Bucket="mine", Key="copy")["Body"].read() == b"3,4\n"


def test_a_large_object_streams_and_is_fetched_once_for_all(
    here: ServerProcess, relay: Relay, aws: ServerProcess
) -> None:
    data = os.urandom(24 << 20)
    client_of(aws).put_object(Bucket=SAMPLES, Key="large", Body=data)
    relay.stop_after = 4 << 20
    s3 = client_of(here)

    def read(key: str) -> bytes:
        return bytes(s3.get_object(Bucket=SAMPLES, Key=key)["Body"].read())

    first = s3.get_object(Bucket=SAMPLES, Key="large")["Body"]
    assert first.read(2 << 20) == data[: 2 << 20], "it comes before all of it is here"
    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(read, "large") for _ in range(2)]
        part = s3.get_object(Bucket=SAMPLES, Key="large", Range="bytes=1000-1999")["Body"].read()
        assert part == data[1000:2000]
        relay.go_on.set()
        assert first.read() == data[2 << 20 :]
        assert all(each.result() == data for each in others)
    assert relay.asked.count(f"GET /{SAMPLES}/large") == 1


def test_a_fetch_that_breaks_off_leaves_nothing(here: ServerProcess, relay: Relay, aws: ServerProcess) -> None:
    data = os.urandom(8 << 20)
    client_of(aws).put_object(Bucket=SAMPLES, Key="broken", Body=data)
    relay.stop_after, relay.cut = 4 << 20, True
    s3 = client_of(here)
    with pytest.raises(Exception, match=r"IncompleteRead|Connection|broken"):
        s3.get_object(Bucket=SAMPLES, Key="broken")["Body"].read()
    kept(here, 0)
    assert not list((here.data_dir / "objects" / "samples").iterdir())
    relay.stop_after = None

    def whole() -> bool:  # for some seconds nobody is asked
        try:
            return bool(s3.get_object(Bucket=SAMPLES, Key="broken")["Body"].read() == data)
        except ClientError as error:
            assert "samples add" in str(error)  # noqa: PT017
            return False

    eventually(whole, what=here.log_tail, seconds=30)


def test_who_reads_slowly_keeps_nobody_from_asking(relay: Relay, aws: ServerProcess, tmp_path: Path) -> None:
    client_of(aws).put_object(Bucket=SAMPLES, Key="more than is kept", Body=bytes(8 << 20))
    env = {"SAGEWRIGHT_SAMPLES_URL": relay.url, "SAGEWRIGHT_SAMPLES_CACHE_MB": "2"}
    with ServerProcess(tmp_path / "data", env=env) as server:
        s3 = client_of(server, config=Config(max_pool_connections=64))
        slow = [s3.get_object(Bucket=SAMPLES, Key="more than is kept")["Body"] for _ in range(PASSED_AT_ONCE)]
        assert refusal(s3.get_object, Bucket=SAMPLES, Key="more than is kept") == (503, "SlowDown")
        assert s3.list_objects_v2(Bucket=SAMPLES)["KeyCount"] >= len(SMALL)
        assert s3.head_object(Bucket=SAMPLES, Key="code/train.py")["ContentLength"] == 8
        assert s3.get_object(Bucket=SAMPLES, Key="data/deep/x.csv")["Body"].read() == b"5\n"
        for body in slow:
            body.close()

        def answered() -> bool:
            try:
                return bool(s3.get_object(Bucket=SAMPLES, Key="more than is kept")["Body"].read() == bytes(8 << 20))
            except ClientError as error:
                assert error.response["Error"]["Code"] == "SlowDown"  # noqa: PT017
                return False

        eventually(answered, what=server.log_tail)


def test_what_is_kept_has_a_bound(relay: Relay, aws: ServerProcess, tmp_path: Path) -> None:
    bodies = {f"third-{number}": os.urandom(700_000) for number in range(3)}
    for key, body in {**bodies, "too large": bytes(3 << 20)}.items():
        client_of(aws).put_object(Bucket=SAMPLES, Key=key, Body=body)
    env = {"SAGEWRIGHT_SAMPLES_URL": relay.url, "SAGEWRIGHT_SAMPLES_CACHE_MB": "2"}
    with ServerProcess(tmp_path / "data", env=env) as server:
        s3 = client_of(server)

        def held(key: str) -> bool:
            before = len(relay.asked)
            assert s3.get_object(Bucket=SAMPLES, Key=key)["Body"].read() == bodies[key]
            return len(relay.asked) == before

        for key in (*bodies, "third-1"):
            eventually(lambda key=key: held(key), what=server.log_tail)  # type: ignore[misc]
        assert s3.get_object(Bucket=SAMPLES, Key="too large")["Body"].read() == bytes(3 << 20)
        assert held("third-1")
        assert held("third-2")
        assert not held("third-0"), "this one had to go"


def test_off_means_off_and_an_own_bucket_is_ones_own(here: ServerProcess, relay: Relay, tmp_path: Path) -> None:
    s3 = client_of(here)
    s3.create_bucket(Bucket=SAMPLES)
    s3.put_object(Bucket=SAMPLES, Key="mine", Body=b"mine")
    assert s3.get_object(Bucket=SAMPLES, Key="mine")["Body"].read() == b"mine"
    assert refusal(s3.get_object, Bucket=SAMPLES, Key="data/a.csv") == (404, "NoSuchKey")
    assert s3.list_objects_v2(Bucket=SAMPLES)["KeyCount"] == 1
    with ServerProcess(tmp_path / "off", env={"SAGEWRIGHT_SAMPLES": "off"}) as server:
        for bucket in (SAMPLES, REGIONAL):
            assert refusal(client_of(server).list_objects_v2, Bucket=bucket) == (404, "NoSuchBucket")
    assert relay.asked == []


def test_a_folder_fills_a_sample_bucket_where_there_is_no_internet(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for key, body in SMALL.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(body)
    env = {"SAGEWRIGHT_SAMPLES_URL": "http://127.0.0.1:9"}
    with ServerProcess(tmp_path / "data", env=env) as server:
        s3 = client_of(server)
        assert "samples add" in message(s3.list_objects_v2, Bucket=REGIONAL)

        def add(bucket: str, *more: str) -> str:
            command = [sagewright(), "samples", "add", bucket, *more, "--data-dir", str(server.data_dir)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            return done.stdout + done.stderr

        assert add(REGIONAL, str(folder)) == f"{REGIONAL} holds 4 files of {folder}\n"
        assert [each["Key"] for each in s3.list_objects_v2(Bucket=REGIONAL)["Contents"]] == sorted(SMALL)
        got = s3.get_object(Bucket=REGIONAL, Key="data/a.csv")
        assert (got["Body"].read(), got["ContentType"]) == (b"1,2\n", "text/csv")
        assert refusal(s3.get_object, Bucket=REGIONAL, Key="none") == (404, "NoSuchKey")
        assert s3.get_bucket_location(Bucket=REGIONAL)["LocationConstraint"] == "us-west-2"
        assert refusal(s3.put_object, Bucket=REGIONAL, Key="k", Body=b"") == (403, "AccessDenied")
        assert "no public sample bucket" in add("my-bucket", str(folder))
        assert "is not a folder" in add(REGIONAL, str(folder / "none"))
        s3.create_bucket(Bucket=SAMPLES)
        assert "bucket sagemaker-sample-files of its own" in add(SAMPLES, str(folder))


@pytest.mark.slow
def test_jobs_take_their_channels_from_sample_buckets(here: ServerProcess, relay: Relay) -> None:
    s3 = client_of(here)
    s3.create_bucket(Bucket="mine")
    jobs = Jobs(client_of(here, "sagemaker"), s3, client_of(here, "logs"), "mine")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{REGIONAL}/data/"}
    exact = {"S3DataType": "S3Prefix", "S3Uri": f"https://s3.us-east-1.amazonaws.com/{SAMPLES}/code/train.py"}
    job = jobs.run(
        "import shutil; shutil.copytree('/opt/ml/input/data', '/opt/ml/model', dirs_exist_ok=True)",
        InputDataConfig=[
            {"ChannelName": "train", "DataSource": {"S3DataSource": source}},
            {"ChannelName": "code2", "DataSource": {"S3DataSource": exact}},
        ],
    )
    assert job["TrainingJobStatus"] == "Completed", (job, jobs.log(job["TrainingJobName"]))
    assert unpack(jobs.fetch(job["ModelArtifacts"]["S3ModelArtifacts"])) == {
        "train/a.csv": b"1,2\n",
        "train/b c+d.csv": b"3,4\n",
        "train/deep/x.csv": b"5\n",
        "code2/train.py": b"print(1)",
    }
