"""Whole servers on PostgreSQL: one, two that share everything, one that dies, and a database that goes away."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests.kit.endpoints import Endpoints
from tests.kit.eventually import eventually
from tests.kit.servers import COUNTS_ITSELF, client, jobs_of

from sagewright.testing.postgres import PostgresServer
from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow


class Pair:
    """Two servers on one database and one data directory."""

    def __init__(self, directory: Path, postgres: PostgresServer) -> None:
        self.env = {"SAGEWRIGHT_DATABASE_URL": postgres.new_database()}
        self.data_dir = directory / "data"
        self.servers = [ServerProcess(self.data_dir, ephemeral=False, env=self.env) for _ in range(2)]

    def start(self) -> None:
        """Start both at the same moment."""
        threads = [threading.Thread(target=server.start) for server in self.servers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        for server in self.servers:
            server.stop()
        eventually(lambda: not self.leftovers(), what=lambda: str(self.leftovers()), seconds=20)

    def leftovers(self) -> list[str]:
        return self.servers[0].leftovers()


@pytest.fixture
def pair(tmp_path: Path, postgres: PostgresServer) -> Iterator[Pair]:
    made = Pair(tmp_path, postgres)
    made.start()
    yield made
    made.stop()


def test_two_servers_share_the_work_and_one_takes_over_from_the_other(pair: Pair) -> None:
    one, two = pair.servers
    jobs, others = jobs_of(one), jobs_of(two)
    endpoints = Endpoints(jobs, client(one, "sagemaker-runtime"))
    name = endpoints.create(endpoints.config(main={"ModelName": endpoints.model("steady")}))
    quick = [(jobs, others)[n % 2].start(COUNTS_ITSELF.replace("SECONDS", "0.1")) for n in range(6)]
    long = jobs.start(COUNTS_ITSELF.replace("SECONDS", "6"))
    for job in quick:
        ended = others.wait(job)
        assert ended["TrainingJobStatus"] == "Completed", ended.get("FailureReason")
        assert others.log(job).count("start of the script") == 1
    endpoints.wait(name)
    there = Endpoints(others, client(two, "sagemaker-runtime"))
    before = json.loads(endpoints.ask(name)[1])
    assert json.loads(there.ask(name)[1]) == before, "the other server routes to it at once"
    others.wait(long, lambda job: "start of the script" in others.log(long))

    one.kill()
    assert json.loads(there.ask(name)[1]) == before
    job = others.wait(long, seconds=30)
    assert job["TrainingJobStatus"] == "Completed", job
    assert others.log(long).count("start of the script") == 1
    others.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=there.config(main={"ModelName": there.model("next")})
    )
    there.wait(name)
    one.start()  # again: it knows the endpoint before it listens
    again = Endpoints(jobs_of(one), client(one, "sagemaker-runtime"))
    assert json.loads(again.ask(name)[1]) == json.loads(there.ask(name)[1])
    again.jobs.sagemaker.delete_endpoint(EndpointName=name)

    def unknown() -> bool:
        try:
            there.ask(name)
        except ClientError as error:
            return "not found" in str(error)
        return False

    eventually(unknown, what=lambda: "the other server still routes to it", seconds=15)


def test_an_update_on_one_server_is_answered_without_a_gap_by_the_other(pair: Pair) -> None:
    one, two = pair.servers
    jobs = jobs_of(one)
    endpoints = Endpoints(jobs, client(one, "sagemaker-runtime"))
    there = Endpoints(jobs_of(two), client(two, "sagemaker-runtime"))
    name = endpoints.create(endpoints.config(main={"ModelName": endpoints.model("old")}))
    endpoints.wait(name)
    config = endpoints.config(main={"ModelName": endpoints.model("new")})
    troubles: list[Exception] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            try:
                there.ask(name)
            except ClientError as error:
                troubles.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        jobs.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
        endpoints.wait(name)
        for each in (endpoints, there):
            assert json.loads(each.ask(name)[1])["answer"] == "new", "once it is InService every server says so"
    finally:
        ended.set()
        asking.join()
    assert not troubles
    jobs.sagemaker.delete_endpoint(EndpointName=name)
    jobs.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def test_only_servers_that_share_the_data_directory_share_the_database(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    pair = Pair(tmp_path, postgres)
    with pair.servers[0] as first:
        assert "another server uses" in refused(first.data_dir, {})
        told = refused(tmp_path / "elsewhere", pair.env)
        assert "belongs to the data directory" in told
        assert str(first.data_dir) in told
        assert "ephemeral" in refused(tmp_path / "third", pair.env, "--ephemeral")


def refused(data_dir: Path, env: dict[str, str], *arguments: str) -> str:
    """What a server says that does not start."""
    server = ServerProcess(data_dir, ephemeral=False, env=env, arguments=arguments)
    with pytest.raises(RuntimeError) as error:
        server.start()
    assert "Traceback" not in str(error.value)
    return str(error.value)
