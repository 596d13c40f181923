"""The disk is full or read-only, the database goes away: requests say so, nothing is torn, and it ends by itself."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError
from tests.kit.eventually import eventually
from tests.kit.outages import KEYS, Writer, fixed, model, refusal
from tests.kit.servers import COUNTS_ITSELF, client, jobs_of

from sagewright.store import migrate
from sagewright.store.credentials import STALE_SECONDS, CredentialStore
from sagewright.store.database import Database
from sagewright.store.outages import UNREACHABLE, outage
from sagewright.testing.clock import FakeClock
from sagewright.testing.postgres import PostgresServer
from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow
DISK = 24 << 20


@pytest.fixture
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL that may be crashed without harm to other tests."""
    with PostgresServer(tmp_path_factory.mktemp("pg")) as running:
        yield running


def test_a_database_that_crashes_under_load_loses_nothing_acknowledged(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    url = own_postgres.new_database()
    with ServerProcess(tmp_path / "data", ephemeral=False, env={"SAGEWRIGHT_DATABASE_URL": url}) as server:
        jobs = jobs_of(server)
        sagemaker, s3 = client(server, "sagemaker"), client(server, "s3")
        writers = {
            "models": Writer(lambda name: model(sagemaker, name)),
            "objects": Writer(lambda name: s3.put_object(Bucket="survivors", Key=name, Body=name.encode() * 999)),
            "jobs": Writer(lambda name: sagemaker.describe_training_job(TrainingJobName=job)),
        }
        job = jobs.start(COUNTS_ITSELF.replace("SECONDS", "3"))
        jobs.wait(job, lambda _: "start of the script" in jobs.log(job))
        for each in writers.values():
            each.thread.start()
        for _ in range(2):
            own_postgres.stop(crash=True)
            for each in writers.values():
                each.await_answers(3, server)
            own_postgres.start()
            for each in writers.values():
                each.await_done(20, server)
        for each in writers.values():
            each.ended.set()
            each.thread.join()
            assert set(each.answers) == {(503, "ServiceUnavailable")}
        listed = sagemaker.get_paginator("list_models").paginate()
        assert set(writers["models"].done) <= {each["ModelName"] for page in listed for each in page["Models"]}
        for name in writers["objects"].done:
            assert s3.get_object(Bucket="survivors", Key=name)["Body"].read() == name.encode() * 999
        ended = jobs.wait(job)
        assert ended["TrainingJobStatus"] == "Completed", ended
        assert jobs.log(job).count("start of the script") == 1


def test_keys_once_seen_are_honoured_while_the_database_is_away(own_postgres: PostgresServer) -> None:
    """So endpoints go on answering: their routes are remembered too."""
    url = own_postgres.new_database()
    database = Database(url)
    migrate.upgrade(database)
    clock = FakeClock()
    keys = CredentialStore(database, clock)
    key = keys.issue("arn:aws:iam::123456789012:user/ann", "AIDA")
    own_postgres.stop()
    clock.pass_(STALE_SECONDS + 1)
    assert keys.find(key.id) == key
    with pytest.raises(DBAPIError) as failed:
        keys.find("AKIAUNKNOWN")
    assert outage(failed.value) == UNREACHABLE
    own_postgres.start()
    other = Database(url)
    CredentialStore(other, clock).remove(key.id)
    assert keys.find(key.id) is None
    for each in (database, other):
        each.close()


def test_a_database_that_is_read_only_is_told(tmp_path: Path, own_postgres: PostgresServer) -> None:
    url = own_postgres.new_database()
    admin = Database(own_postgres.url("postgres"))
    name = url.rpartition("/test_")[2].partition("?")[0]

    def read_only(state: str) -> None:
        with admin.read() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE test_{name} SET default_transaction_read_only = {state}")
            ours = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'test_{name}'"
            connection.exec_driver_sql(ours)

    with ServerProcess(tmp_path / "data", ephemeral=False, env={"SAGEWRIGHT_DATABASE_URL": url}) as server:
        sagemaker = client(server, "sagemaker")
        model(sagemaker, "before")
        read_only("on")
        eventually(lambda: "read-only" in refusal(lambda: model(sagemaker, "during")), what=server.log_tail)
        eventually(lambda: not refusal(lambda: sagemaker.describe_model(ModelName="before")), what=server.log_tail)
        read_only("off")
        eventually(lambda: not refusal(lambda: model(sagemaker, "after")), what=server.log_tail)
    admin.close()


def test_a_full_disk_refuses_writes_and_keeps_what_is_there(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    disk = ("bwrap", "--dev-bind", "/", "/", "--size", str(DISK), "--tmpfs", str(data), "--die-with-parent")
    server = ServerProcess(data, ephemeral=False, env=KEYS, arguments=("--backend", "plain"), wrapper=disk)
    server.start()
    try:
        s3, sagemaker, logs = (fixed(server, service) for service in ("s3", "sagemaker", "logs"))
        s3.create_bucket(Bucket="full")
        logs.create_log_group(logGroupName="g")
        logs.create_log_stream(logGroupName="g", logStreamName="s")
        kept: dict[str, bytes] = {}
        for size in (2_000_000, 100_000, 4000, 100):  # until there is no room even for a small one
            for number in itertools.count():
                body = bytes([number % 256]) * size
                told = refusal(lambda s=size, n=number, b=body: s3.put_object(Bucket="full", Key=f"{s}/{n}", Body=b))
                if told:
                    assert "ServiceUnavailable" in told
                    assert "no space left" in told
                    break
                kept[f"{size}/{number}"] = body
        event = {"timestamp": int(time.time() * 1000), "message": "z" * 200_000}
        put = {"logGroupName": "g", "logStreamName": "s", "logEvents": [event]}
        assert "no space left" in refusal(lambda: logs.put_log_events(**put))
        s3.delete_object(Bucket="full", Key=kept.popitem()[0])  # the database has room of its own
        made = []
        large = {f"k{number}": "y" * 1000 for number in range(15)}
        while not (told := refusal(lambda: model(sagemaker, f"m-{len(made)}", Environment=large))):
            made.append(f"m-{len(made)}")
        assert "no space left" in told
        listed = sagemaker.get_paginator("list_models").paginate()
        assert {each["ModelName"] for page in listed for each in page["Models"]} == set(made)
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="full")
        assert {each["Key"] for page in pages for each in page["Contents"]} == set(kept)
        for key, body in kept.items():
            assert s3.get_object(Bucket="full", Key=key)["Body"].read() == body
    finally:
        server.kill()


def test_a_read_only_disk_is_told_at_the_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    disk = ("bwrap", "--dev-bind", "/", "/", "--ro-bind", str(data), str(data), "--die-with-parent")
    server = ServerProcess(data, ephemeral=False, wrapper=disk)
    with pytest.raises(RuntimeError, match="Read-only file system") as refused:
        server.start()
    assert "Traceback" not in str(refused.value)


def test_a_damaged_database_is_named_when_the_server_starts(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", ephemeral=False) as server:
        model(client(server, "sagemaker"), "m")
    file = tmp_path / "data" / "sagewright.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    with pytest.raises(RuntimeError, match="did not start"):
        server.start()
    said = server.log_tail().splitlines()[-1]
    assert said.startswith("sagewright: the database cannot be used: ")
    assert "sagewright.db" in said
    assert "Traceback" not in server.log_tail()


def test_objects_are_away_while_their_directory_is(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", ephemeral=False) as server:
        s3 = client(server, "s3")
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="k", Body=b"kept")
        here, there = tmp_path / "data" / "objects", tmp_path / "elsewhere"
        here.rename(there)
        for call in (
            lambda: s3.get_object(Bucket="kept", Key="k"),
            lambda: s3.put_object(Bucket="kept", Key="k", Body=b"new"),
            lambda: s3.copy_object(Bucket="kept", Key="copy", CopySource="kept/k"),
        ):
            assert "(ServiceUnavailable)" in refusal(call)
        there.rename(here)
        assert s3.get_object(Bucket="kept", Key="k")["Body"].read() == b"kept"
        assert server.log.read_text().count("Traceback") == 0
