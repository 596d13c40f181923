"""Whole servers whose objects are in an S3 elsewhere: what clients see, jobs, faults, kills, several machines."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from tests.kit.eventually import eventually
from tests.kit.faults import FaultProxy, Mode
from tests.kit.jobs import unpack
from tests.kit.outages import Writer
from tests.kit.servers import COUNTS_ITSELF, client, jobs_of

from sagewright.testing.postgres import PostgresServer
from sagewright.testing.server import ServerProcess, sagewright

pytestmark = pytest.mark.slow

MIB = 1 << 20
BUCKET = "elsewhere"
READS_ITS_INPUT = """
import hashlib, os, pathlib
assert not [name for name in os.environ if name.startswith("SAGEWRIGHT_S3")], os.environ
assert os.environ.get("AWS_ACCESS_KEY_ID") != "KEYID"
found = pathlib.Path("/opt/ml/input/data/training/part/large").read_bytes()
pathlib.Path(os.environ["SM_MODEL_DIR"], "digest").write_text(hashlib.sha256(found).hexdigest())
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """An S3 that is not the server's: here, too, a Sagewright."""
    with ServerProcess(tmp_path_factory.mktemp("external") / "data") as server:
        client(server, "s3").create_bucket(Bucket=BUCKET)
        yield server


def fronting(data_dir: Path, elsewhere: ServerProcess, url: str = "", **more: str) -> ServerProcess:
    """A server, to be started, with its bytes there, under a prefix of the test; keys come by AWS's variables."""
    keys = elsewhere.credentials()
    env = {
        "SAGEWRIGHT_S3_BUCKET": BUCKET,
        "SAGEWRIGHT_S3_PREFIX": data_dir.parent.name,
        "SAGEWRIGHT_S3_ENDPOINT_URL": url or elsewhere.url,
        "SAGEWRIGHT_S3_TIMEOUT_SECONDS": "2",
        "AWS_ACCESS_KEY_ID": keys["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
        **more,
    }
    return ServerProcess(data_dir, ephemeral=False, env=env)


def blobs(elsewhere: ServerProcess, prefix: str) -> int:
    """How many are there."""
    pages = client(elsewhere, "s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/")
    return len([each for page in pages for each in page.get("Contents", ()) if not each["Key"].endswith("/owner")])


def unfinished(elsewhere: ServerProcess, prefix: str) -> list[Any]:
    listed = client(elsewhere, "s3").list_multipart_uploads(Bucket=BUCKET, Prefix=f"{prefix}/")
    return list(listed.get("Uploads", ()))


def test_clients_see_no_difference_and_jobs_neither(tmp_path: Path, elsewhere: ServerProcess) -> None:
    with fronting(tmp_path / "data", elsewhere) as server:
        s3 = client(server, "s3")
        s3.create_bucket(Bucket="mine")
        data = os.urandom(21 * MIB)
        s3.put_object(Bucket="mine", Key="in/part/large", Body=data, Metadata={"a": "b"})
        assert s3.get_object(Bucket="mine", Key="in/part/large", Range="bytes=9-")["Body"].read() == data[9:]
        assert s3.get_object(Bucket="mine", Key="in/part/large", Range="bytes=-5")["Body"].read() == data[-5:]
        path = tmp_path / "large"
        path.write_bytes(data)
        transfer = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
        s3.upload_file(str(path), "mine", "parts", Config=transfer)
        s3.copy_object(Bucket="mine", Key="copy", CopySource="mine/parts")
        s3.put_object(Bucket="mine", Key="empty", Body=b"")
        for _ in ("from elsewhere", "from the cache"):
            for key, expected in (("parts", data), ("copy", data), ("empty", b"")):
                assert s3.get_object(Bucket="mine", Key=key)["Body"].read() == expected
        s3.delete_object(Bucket="mine", Key="copy")
        listed = s3.list_objects_v2(Bucket="mine")["Contents"]
        assert [each["Key"] for each in listed] == ["empty", "in/part/large", "parts"]

        jobs = jobs_of(server)
        script = READS_ITS_INPUT.replace("KEYID", elsewhere.credentials()["access_key_id"])
        channel = {
            "ChannelName": "training",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://mine/in/"}},
        }
        job = jobs.run(script, InputDataConfig=[channel])
        assert job["TrainingJobStatus"] == "Completed", job
        digest = {"digest": hashlib.sha256(data).hexdigest().encode()}
        assert unpack(jobs.fetch(job["ModelArtifacts"]["S3ModelArtifacts"])) == digest
        assert not list((server.data_dir / "objects").glob("blobs/*"))
    assert blobs(elsewhere, tmp_path.name) == len(listed) + 2  # the script and the model
    assert unfinished(elsewhere, tmp_path.name) == []


def test_faults_elsewhere_are_told_and_lose_nothing(tmp_path: Path, elsewhere: ServerProcess) -> None:
    with (
        FaultProxy(elsewhere.url) as proxy,
        fronting(tmp_path / "data", elsewhere, proxy.url) as server,
    ):
        jobs = jobs_of(server)
        s3, sagemaker = client(server, "s3"), client(server, "sagemaker")
        large = os.urandom(9 * MIB)
        writers = {
            "small": Writer(lambda name: s3.put_object(Bucket="survivors", Key=name, Body=name.encode() * 99)),
            "large": Writer(lambda name: s3.put_object(Bucket="survivors", Key=f"large-{name}", Body=large)),
        }
        for each in writers.values():
            each.thread.start()
            each.await_done(2, server)
        modes: list[Mode] = ["busy", "resets", "gone", "hangs"]
        waiting = jobs.start(COUNTS_ITSELF.replace("SECONDS", "0.1"))
        for mode in modes:
            proxy.be(mode)
            for each in writers.values():
                each.await_answers(2, server)
            sagemaker.list_training_jobs()  # what needs no bytes goes on
            proxy.be("good")
            for each in writers.values():
                each.await_done(2, server)
        for each in writers.values():
            each.ended.set()
            each.thread.join()
            assert set(each.answers) == {(503, "ServiceUnavailable")}
        for name in writers["small"].done:
            assert s3.get_object(Bucket="survivors", Key=name)["Body"].read() == name.encode() * 99
        for name in writers["large"].done:
            assert s3.get_object(Bucket="survivors", Key=f"large-{name}")["Body"].read() == large
        job = jobs.wait(waiting)
        assert job["TrainingJobStatus"] == "Completed", job
        assert jobs.log(waiting).count("start of the script") == 1


def test_a_job_waits_for_the_bytes_it_needs(tmp_path: Path, elsewhere: ServerProcess) -> None:
    with FaultProxy(elsewhere.url) as proxy, fronting(tmp_path / "data", elsewhere, proxy.url) as server:
        jobs = jobs_of(server)
        jobs.run("print('warm up')")
        name = jobs.start(COUNTS_ITSELF.replace("SECONDS", "1"))
        jobs.wait(name, lambda _: "start of the script" in jobs.log(name))
        proxy.be("gone")  # it ends meanwhile, and cannot save its model
        jobs.wait(name, lambda job: job["SecondaryStatus"] == "Uploading")
        eventually(lambda: "external object store" in server.log_tail(), what=server.log_tail)
        assert jobs.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "InProgress"
        proxy.be("good")
        job = jobs.wait(name)
        assert job["TrainingJobStatus"] == "Completed", job
        assert unpack(jobs.fetch(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"model.txt": b"trained once"}


def test_a_killed_server_loses_nothing_and_leaves_nothing(tmp_path: Path, elsewhere: ServerProcess) -> None:
    server = fronting(tmp_path / "data", elsewhere)
    server.start()
    s3 = client(server, "s3")
    s3.create_bucket(Bucket="mine")
    large = os.urandom(9 * MIB)
    acknowledged: dict[str, bytes] = {}
    unsure: set[str] = set()  # cut off by a kill: done or not
    for round_ in range(3):
        s3 = client(server, "s3")

        def write(name: str, s3: Any = s3, round_: int = round_) -> None:
            body = large if name.endswith("0") else f"{round_} {name}".encode() * 999
            s3.put_object(Bucket="mine", Key=name, Body=body)
            acknowledged[name] = body
            unsure.discard(name)

        writer = Writer(write)
        writer.thread.start()
        writer.await_done(25, server)
        server.kill()
        writer.ended.set()
        writer.thread.join()
        unsure.add(f"w-{len(writer.done)}")
        server.start()
        s3 = client(server, "s3")
        for name, body in acknowledged.items():
            found = s3.get_object(Bucket="mine", Key=name)["Body"].read()
            assert found == body or name in unsure, name
    listed = s3.get_paginator("list_objects_v2").paginate(Bucket="mine")
    count = sum(len(page["Contents"]) for page in listed)
    assert server.stop() == 0
    assert blobs(elsewhere, tmp_path.name) == count
    assert unfinished(elsewhere, tmp_path.name) == []


def test_machines_with_directories_of_their_own_share_objects(
    tmp_path: Path, elsewhere: ServerProcess, postgres: PostgresServer
) -> None:
    url = postgres.new_database()
    with (
        fronting(tmp_path / "one", elsewhere, SAGEWRIGHT_DATABASE_URL=url) as one,
        fronting(tmp_path / "two", elsewhere, SAGEWRIGHT_DATABASE_URL=url) as two,
    ):
        jobs, others = jobs_of(one), jobs_of(two)
        names = [each.start(COUNTS_ITSELF.replace("SECONDS", "2")) for each in (jobs, others)]
        others.s3.put_object(Bucket="survivors", Key="k", Body=b"put through two")
        assert jobs.s3.get_object(Bucket="survivors", Key="k")["Body"].read() == b"put through two"
        for name, reader in zip(names, (others, jobs), strict=True):
            job = reader.wait(name)
            assert job["TrainingJobStatus"] == "Completed", job
            model = reader.fetch(job["ModelArtifacts"]["S3ModelArtifacts"])
            assert unpack(model) == {"model.txt": b"trained once"}
        for name, own in zip(names, (jobs, others), strict=True):
            assert own.log(name).count("start of the script") == 1
        assert others.log(names[0]) == []  # logs are files of the machine


def test_wrong_settings_are_told_at_the_start_and_by_the_doctor(tmp_path: Path, elsewhere: ServerProcess) -> None:
    server = fronting(tmp_path / "data", elsewhere, AWS_SECRET_ACCESS_KEY="wrong")
    with pytest.raises(RuntimeError, match=r"refuses the server's keys.*SAGEWRIGHT_S3_CREDENTIALS_FILE") as refused:
        server.start()
    assert "Traceback" not in str(refused.value)
    wrong = fronting(tmp_path / "data", elsewhere, SAGEWRIGHT_S3_BUCKET="not-there")
    said = subprocess.run([sagewright(), "doctor"], env=wrong.env, capture_output=True, text=True, check=False)
    assert "MISS  object store: SAGEWRIGHT_S3_BUCKET=not-there" in said.stdout
    assert said.returncode == 1


def test_backups_leave_the_bytes_there_or_take_them_along(tmp_path: Path, elsewhere: ServerProcess) -> None:
    old = fronting(tmp_path / "old", elsewhere)
    with old:
        s3 = client(old, "s3")
        s3.create_bucket(Bucket="mine")
        for key in ("kept", "gone"):
            s3.put_object(Bucket="mine", Key=key, Body=key.encode() * 999)
        command("backup", tmp_path / "rows.tar", old)
        command("backup", tmp_path / "whole.tar", old, "--with-objects")
        s3.delete_object(Bucket="mine", Key="gone")
    assert (tmp_path / "rows.tar").stat().st_size < (tmp_path / "whole.tar").stat().st_size

    rows = fronting(tmp_path / "rows", elsewhere)
    files = ServerProcess(tmp_path / "files", ephemeral=False)
    moved = fronting(tmp_path / "moved", elsewhere, SAGEWRIGHT_S3_PREFIX=f"{tmp_path.name}-moved")
    assert "set SAGEWRIGHT_S3_BUCKET" in command("restore", tmp_path / "rows.tar", files, refused=True)
    assert "1 objects cannot be read" in command("restore", tmp_path / "rows.tar", rows)
    for each in (files, moved):
        assert command("restore", tmp_path / "whole.tar", each) == ""
    with rows:
        assert client(rows, "s3").get_object(Bucket="mine", Key="kept")["Body"].read() == b"kept" * 999
    restored = {blob.read_bytes()[:4] for blob in (files.data_dir / "objects" / "blobs").glob("*/*")}
    assert restored == {b"kept", b"gone"}
    assert blobs(elsewhere, f"{tmp_path.name}-moved") == 2
    with pytest.raises(RuntimeError, match="objects of this installation are files"):
        fronting(files.data_dir, elsewhere).start()


def command(name: str, file: Path, where: ServerProcess, *more: str, refused: bool = False) -> str:
    """What ``sagewright backup`` or ``restore`` says for that server."""
    arguments = [sagewright(), name, str(file), "--data-dir", str(where.data_dir), *more]
    said = subprocess.run(arguments, env=where.env, capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode != 0) == refused, said.stderr
    assert "Traceback" not in said.stderr
    return said.stderr
