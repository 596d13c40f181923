"""``kill -9`` of the server at random moments, its own start among them, under traffic of every kind.

``SAGEWRIGHT_TEST_KILLS`` is how often (50), ``SAGEWRIGHT_TEST_SEED`` repeats the draws of a run that failed.
"""

from __future__ import annotations

import io
import os
import random
import socket
import sqlite3
import tarfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.kit import load
from tests.kit.endpoints import Endpoints
from tests.kit.eventually import eventually
from tests.kit.jobs import Jobs, archive

from sagewright.backends.cgroups import control_groups
from sagewright.backends.probe import probe
from sagewright.backends.sandbox import FIRST_UID, UIDS, SandboxBackend
from sagewright.testing.server import ServerProcess

KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "50"))
SEED = int(os.environ.get("SAGEWRIGHT_TEST_SEED") or (7 if "CI" in os.environ else time.time_ns() % 1_000_000))
YOUNG, LONGEST = 0.3, 0.9
"""The share of servers that die while they start, and the most seconds that others live once they are ready."""
_MISSING = [finding for finding in probe() if finding.required and not finding.ok]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120 + 20 * KILLS),
    pytest.mark.skipif(bool(_MISSING), reason=f"no sandbox on this machine: {_MISSING}"),
]


class Mortal:
    """A server that is killed and started again, on one directory and one port."""

    def __init__(self, data: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.data = data
        self.young = self.grown = 0
        self.start_seconds = 1.0
        self.server = self._next("sandbox")

    def _next(self, backend: str) -> ServerProcess:
        arguments = ("--port", str(self.port), "--backend", backend)
        return ServerProcess(self.data, ephemeral=False, arguments=arguments)

    def live(self, backend: str, draws: random.Random) -> None:
        """Start and be killed: three times in ten while it starts, else within a second after it is ready."""
        self.server = self._next(backend)
        moment = draws.random()
        begun = time.monotonic()
        young = threading.Timer(moment * self.start_seconds, self.server.kill)
        if draws.random() < YOUNG:
            young.start()
        try:
            self.server.start()
        except RuntimeError:
            assert not self.server.alive, self.server.log_tail()
            self.young += 1
            return
        self.grown += 1
        if not young.is_alive():
            self.start_seconds = (self.start_seconds + time.monotonic() - begun) / 2
            time.sleep(moment * LONGEST)  # how long it lives is what is drawn
        young.cancel()
        self.server.kill()

    def client(self, service: str) -> Any:
        """As a user's: what was sent and not answered is tried again, except where that doubles."""
        attempts = 1 if service in ("logs", "cloudwatch") else 2
        retries = {"mode": "standard", "total_max_attempts": attempts}
        config = Config(retries=retries, proxies={}, connect_timeout=5, read_timeout=30)  # type: ignore[arg-type]
        return boto3.client(service, config=config, **self.server.client_options())  # type: ignore[call-overload]


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Mortal]:
    made = Mortal(tmp_path / "data")
    made.server.start()
    yield made
    made.server.stop()
    backend = SandboxBackend(made.data / "runs")
    for run in made.data.glob("runs/*"):  # of a test that failed
        backend.remove({"run_id": run.name, "hosts": ["algo-1"]})


def test_kills_at_random_moments_of_mixed_traffic(mortal: Mortal) -> None:
    print(f"SAGEWRIGHT_TEST_SEED={SEED} SAGEWRIGHT_TEST_KILLS={KILLS}")
    draws = random.Random(SEED)
    jobs = Jobs(mortal.client("sagemaker"), mortal.client("s3"), mortal.client("logs"), load.BUCKET)
    endpoint = set_up(jobs, mortal)
    town = load.Town(mortal.server.url, mortal.client, threading.Event())
    objects = [load.Objects(town, number) for number in range(2)]
    nouns, telemetry, trainings = load.Nouns(town, SEED), load.Telemetry(town, SEED), load.Trainings(town, SEED)
    questions = load.Questions(town, SEED, endpoint)
    callers: list[load.Caller] = [*objects, nouns, telemetry, trainings, questions]
    for caller in callers:
        caller.thread.start()
    mortal.server.kill()
    for _ in range(KILLS - 1):
        mortal.live(draws.choice(("sandbox", "sandbox", "warm")), draws)
    mortal.server = mortal._next("sandbox")
    mortal.server.start()
    town.ended.set()
    for caller in callers:
        caller.thread.join(60)
    told = {caller.name: (caller.calls, caller.cut_off, dict(caller.refusals)) for caller in callers}
    print(f"killed in the start: {mortal.young}, after it: {mortal.grown}; (calls, cut off, refusals): {told}")

    check_trainings(jobs, trainings)
    for each in objects:
        for key in each.may:
            each.check(key)
    for name in nouns.may:
        nouns.check(name)
    telemetry.check()
    assert not [wrong for caller in callers for wrong in caller.wrong]
    assert not questions.refusals, "a server that is ready answers for its endpoints"
    assert len(questions.answers) == 1, f"one model server answered all along: {questions.answers}"
    questions.step()
    assert len(questions.answers) == 1

    standing = {path.name for path in mortal.data.glob("runs/*")}
    jobs.sagemaker.delete_endpoint(EndpointName=endpoint)
    eventually(lambda: not list((mortal.data / "runs").iterdir()), what=lambda: str(list(mortal.data.glob("runs/*"))))
    assert mortal.server.stop() == 0
    check_nothing_is_left(mortal, standing)


def set_up(jobs: Jobs, mortal: Mortal) -> str:
    """The bucket, the jobs' script, a log stream; returns the name of an endpoint that is in service."""
    jobs.s3.create_bucket(Bucket=load.BUCKET)
    jobs.s3.put_object(Bucket=load.BUCKET, Key=load.SOURCE, Body=archive({"train.py": load.JOB}))
    jobs.logs.create_log_group(logGroupName=load.GROUP)
    jobs.logs.create_log_stream(logGroupName=load.GROUP, logStreamName=load.STREAM)
    endpoints = Endpoints(jobs, mortal.client("sagemaker-runtime"))
    name = endpoints.create(endpoints.config(main={"ModelName": endpoints.model("steady")}))
    endpoints.wait(name)
    return name


def check_trainings(jobs: Jobs, trainings: load.Trainings) -> None:
    """Each acknowledged job is there; each that is there ended as it had to, and ran once at most."""
    pages = jobs.sagemaker.get_paginator("list_training_jobs").paginate()
    there = {each["TrainingJobName"] for page in pages for each in page["TrainingJobSummaries"]}
    assert {name for name, acknowledged in trainings.created.items() if acknowledged} <= there
    assert there <= trainings.created.keys()
    for name in sorted(there):
        job = jobs.wait(name)
        begun = [line.split()[1] for line in jobs.log(name) if line.startswith("begun ")]
        if name in trainings.stopped and job["TrainingJobStatus"] == "Stopped":
            assert len(begun) <= 1, f"{name} ran {len(begun)} times"
            continue
        trail = [(each["Status"], each.get("StatusMessage")) for each in job["SecondaryStatusTransitions"]]
        assert job["TrainingJobStatus"] == "Completed", f"{name}: {job.get('FailureReason')}\n{trail}\n{jobs.log(name)}"
        assert len(begun) == 1, f"{name} ran {len(begun)} times"
        packed = io.BytesIO(jobs.fetch(job["ModelArtifacts"]["S3ModelArtifacts"]))
        with tarfile.open(fileobj=packed) as model:
            assert model.extractfile("run").read().decode() == begun[0]  # type: ignore[union-attr]
        # Pending is for want of room: more jobs than fit wait at that time.
        words = [each["Status"] for each in job["SecondaryStatusTransitions"] if each["Status"] != "Pending"]
        assert words == ["Starting", "Downloading", "Training", "Uploading", "Completed"], (name, words)


def check_nothing_is_left(mortal: Mortal, standing: set[str]) -> None:
    """No process, control group, mount, directory of a run or blob that belongs to nothing; no trace of a bug."""
    eventually(lambda: not mortal.server.leftovers(), what=lambda: str(mortal.server.leftovers()), seconds=20)
    with closing(sqlite3.connect(mortal.data / "sagewright.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        runs = standing | {row[0] for row in database.execute("SELECT id FROM resources")}
        named = {row[0] for table in ("objects", "parts") for row in database.execute(f"SELECT blob FROM {table}")}
    groups = {group.name for place in control_groups("x").values() for group in Path(place).parent.iterdir()}
    assert not groups & {f"sagewright-{run}-algo-1" for run in runs}
    users = {FIRST_UID + zlib.crc32(run.encode()) % UIDS for run in runs}
    eventually(lambda: not users & owners(), what=lambda: f"processes of {users & owners()}")  # the dead wait for init
    assert str(mortal.data) not in Path("/proc/self/mountinfo").read_text()
    kept = [{path.name for path in mortal.data.glob(f"objects/{kind}/*/*")} for kind in ("blobs", "pieces")]
    assert kept[0] | kept[1] == named
    assert not list(mortal.data.glob("objects/doubt/*"))
    log = mortal.server.log.read_text(errors="replace")
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:4000]


def owners() -> set[int]:
    """The users of all processes."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError):
            found.add(path.stat().st_uid)
    return found
