"""The controller of runs, each act done twice and the first lost: as by servers that are killed before they write."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sagewright.backends.plain import PlainBackend
from sagewright.core.clock import SystemClock
from sagewright.core.config import Settings
from sagewright.engine.lifecycle import RUN
from sagewright.engine.placement import Placement
from sagewright.engine.preparation import Preparation
from sagewright.engine.role_objects import RoleObjects
from sagewright.engine.routes import Routes
from sagewright.engine.run import RunController, RunKind
from sagewright.engine.tools import Tools
from sagewright.environments.builder import Builder
from sagewright.serving.router import Router
from sagewright.store.database import Database
from sagewright.store.logs import LogStore
from sagewright.store.metrics import MetricStore
from sagewright.store.objects import ObjectStore
from sagewright.store.resources import Resource, ResourceStore
from sagewright.store.schema import metadata
from sagewright.testing.controllers import RecordedCalls
from sagewright.testing.runs import Bench, eventually

FINAL = ("succeeded", "stopped", "failed")


class Open:
    """Every role may everything."""

    def refusal(self, *_: Any) -> None:
        return None


def no_plan(*_: Any) -> Any:
    raise AssertionError("these runs were started already")


KIND = RunKind(no_plan, {}, lambda *_: {}, lambda _: 1, "/test")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(PlainBackend, tmp_path, sys.prefix)
    yield bench
    bench.close()


@pytest.fixture
def tools(tmp_path: Path, bench: Bench) -> Iterator[Tools]:
    database, clock = Database(f"sqlite:///{tmp_path / 'db'}"), SystemClock()
    metadata.create_all(database.engine)
    resources, objects = ResourceStore(database, clock), ObjectStore(database, tmp_path / "objects", clock)
    yield Tools(
        settings=Settings(data_dir=tmp_path, stop_grace_seconds=20),
        clock=clock,
        resources=resources,
        logs=LogStore(database, tmp_path / "logs", clock),
        metrics=MetricStore(database, clock),
        backend=bench.backend,
        preparation=Preparation(Builder(tmp_path), lambda _: None),
        placement=Placement(8, lambda _: None),
        routes=Routes(resources, bench.backend, Router(), []),
        role_objects=partial(RoleObjects, objects, Open()),
        calls=RecordedCalls(resources),
        lifecycles={"K": RUN},
    )
    objects.close()
    database.close()


def ended(tools: Tools, bench: Bench, script: str, wish: str = "", **members: Any) -> Resource:
    """A run of ``script``, followed to its end by acts of which every other one is lost."""
    workload = bench.workload(script, **members)
    handle = bench.start(workload)
    bench.wait_for_line(workload, "here")
    controller = RunController(KIND, tools)
    run = {"handle": handle, "destinations": {}}
    made = tools.resources.create(
        account="1",
        region="r",
        kind="K",
        name="n",
        arn="a",
        spec={},
        run=run,
        phase="starting",
        wish={"word": wish} if wish else {},
        due=0.0,
    )
    directories = [bench.backend.instance_directory(handle, host) for host in workload.hosts]

    def act() -> Resource | None:
        leased = tools.resources.lease("me", made.id, 30)
        if leased is None:
            return None
        controller.act(leased)
        if any((directory / "stop.json").exists() for directory in directories):
            bench.wait(handle)  # the next server comes when it is over
        applied = tools.resources.apply("me", leased, controller.act(leased))
        return applied if applied is not None and applied.phase in FINAL else None

    return eventually(act)


def test_what_was_stopped_is_stopped_though_the_server_that_asked_was_killed(tools: Tools, bench: Bench) -> None:
    last = ended(tools, bench, "import time; print('here', flush=True); time.sleep(600)", wish="stopped")
    assert (last.phase, last.status.get("FailureReason")) == ("stopped", None)


def test_the_host_that_failed_first_is_blamed_though_the_server_that_ended_the_others_was_killed(
    tools: Tools, bench: Bench
) -> None:
    script = """
    import time
    print("here", flush=True)
    if open("../rank").read() == "1":
        raise ValueError("the culprit")
    time.sleep(600)
    """
    hosts = ("algo-1", "algo-2")
    ranks = {host: {"/opt/ml/rank": str(number)} for number, host in enumerate(hosts)}
    last = ended(tools, bench, script, hosts=hosts, host_files=ranks)
    assert last.phase == "failed"
    assert "ValueError: the culprit" in last.status["FailureReason"]
