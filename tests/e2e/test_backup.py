"""Backups taken under load hold everything acknowledged before they began, and restore into either database."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig
from tests.kit.eventually import eventually
from tests.kit.jobs import PYTHON, ROLE
from tests.kit.old_tarfile import old_tarfile
from tests.kit.servers import client

from sagewright.testing.postgres import PostgresServer
from sagewright.testing.server import ServerProcess, sagewright

pytestmark = pytest.mark.slow
GROUP, STREAM = "/mine", "stream"
CONTAINER = {"Image": PYTHON}


@dataclass
class Load:
    """Writes of three kinds, each noted when it was acknowledged."""

    server: ServerProcess
    models: list[str] = field(default_factory=list)
    objects: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def fewest(self) -> int:
        return min(len(self.models), len(self.objects), len(self.lines))

    @contextmanager
    def running(self) -> Iterator[None]:
        s3 = client(self.server, "s3")
        s3.create_bucket(Bucket="mine")
        parts, in_parts = os.urandom(6 << 20), TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
        s3.upload_fileobj(io.BytesIO(parts), "mine", "parts", Config=in_parts)
        self.objects["parts"] = hashlib.md5(parts).hexdigest()
        logs = client(self.server, "logs")
        logs.create_log_group(logGroupName=GROUP)
        logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
        ended = threading.Event()
        threads = [threading.Thread(target=self._repeat, args=(act, ended)) for act in ("model", "object", "line")]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    def _repeat(self, act: str, ended: threading.Event) -> None:
        sagemaker, s3, logs = (client(self.server, service) for service in ("sagemaker", "s3", "logs"))
        for number in itertools.count():
            if ended.is_set():
                return
            if act == "model":
                sagemaker.create_model(ModelName=f"m-{number}", ExecutionRoleArn=ROLE, PrimaryContainer=CONTAINER)
                self.models.append(f"m-{number}")
            elif act == "object":
                body = f"{number}".encode() * 5000
                s3.put_object(Bucket="mine", Key=f"k/{number}", Body=body)
                self.objects[f"k/{number}"] = hashlib.md5(body).hexdigest()
                s3.put_object(Bucket="mine", Key="same", Body=body)
                s3.delete_objects(Bucket="mine", Delete={"Objects": [{"Key": "same"}]})
            else:
                event = {"timestamp": int(time.time() * 1000), "message": f"line {number}"}
                logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=[event])
                self.lines.append(event["message"])


@pytest.mark.parametrize(("before", "after"), [("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_what_was_acknowledged_before_the_backup_is_there_after_the_restore(
    tmp_path: Path, postgres: PostgresServer, before: str, after: str
) -> None:
    file = tmp_path / "backup.tar.gz"
    old = server(tmp_path / "old", before, postgres)
    with old:
        load = Load(old)
        with load.running():
            eventually(lambda: load.fewest() >= 30, what=lambda: f"{load}\n{old.log_tail()}")
            models, objects, lines = list(load.models), dict(load.objects), list(load.lines)
            run("backup", file, old)
    assert file.stat().st_mode & 0o777 == 0o600
    assert not list(old.data_dir.glob("backup-*"))

    new = server(tmp_path / "new", after, postgres)
    run("restore", file, new)
    with new:
        assert new.credentials() == old.credentials()
        known = client(new, "sagemaker").get_paginator("list_models").paginate()
        assert set(models) <= {model["ModelName"] for page in known for model in page["Models"]}
        s3, logs = client(new, "s3"), client(new, "logs")
        for key, digest in objects.items():
            assert hashlib.md5(s3.get_object(Bucket="mine", Key=key)["Body"].read()).hexdigest() == digest
        events = logs.get_log_events(logGroupName=GROUP, logStreamName=STREAM, startFromHead=True)["events"]
        assert [event["message"] for event in events][: len(lines)] == lines
        for number in range(3):  # and it goes on: ids of rows are not given twice
            client(new, "sagemaker").create_model(
                ModelName=f"new-{number}",
                ExecutionRoleArn=ROLE,
                PrimaryContainer=CONTAINER,
                Tags=[{"Key": "a", "Value": "b"}],
            )
        with pytest.raises(subprocess.CalledProcessError) as refused:
            run("restore", file, new)
        assert "is not empty" in refused.value.stderr


def test_a_backup_is_restored_where_tarfile_has_no_filters(tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    with ServerProcess(tmp_path / "old", ephemeral=False) as old:
        client(old, "s3").create_bucket(Bucket="mine")
        client(old, "s3").put_object(Bucket="mine", Key="k", Body=b"kept")
        run("backup", file, old)
    new = ServerProcess(tmp_path / "new", ephemeral=False)
    new.env |= old_tarfile(tmp_path / "site")
    run("restore", file, new)
    with new:
        assert client(new, "s3").get_object(Bucket="mine", Key="k")["Body"].read() == b"kept"


def test_a_file_that_is_no_backup_changes_nothing(tmp_path: Path) -> None:
    for name, data in (("text.tar", b"no tar at all"), ("other.tar", None)):
        file = tmp_path / name
        if data is None:
            with tarfile.open(file, "w") as tar:
                tar.add(__file__, "x.py")
        else:
            file.write_bytes(data)
        with pytest.raises(subprocess.CalledProcessError) as refused:
            run("restore", file, ServerProcess(tmp_path / "new"))
        assert "is no backup" in refused.value.stderr
        assert "Traceback" not in refused.value.stderr
    assert not (tmp_path / "new").exists()


def server(data_dir: Path, database: str, postgres: PostgresServer) -> ServerProcess:
    env = {} if database == "sqlite" else {"SAGEWRIGHT_DATABASE_URL": postgres.new_database()}
    return ServerProcess(data_dir, ephemeral=False, env=env)


def run(command: str, file: Path, where: ServerProcess) -> None:
    """``sagewright backup`` or ``restore`` for that server."""
    arguments = [sagewright(), command, str(file), "--data-dir", str(where.data_dir)]
    subprocess.run(arguments, env=where.env, check=True, capture_output=True, text=True, timeout=60)
