"""A parent of real training jobs, made by inner calls as its role, while servers end and others go on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kit.eventually import eventually
from tests.kit.examples import Stage
from tests.kit.jobs import PYTHON, ROLE, archive

from sagewright.core.ids import request_id
from sagewright.engine.lifecycle import RUN
from sagewright.engine.parents import Create, Decision, Observed, ParentController, ParentKind
from sagewright.engine.reconciler import Reconciler
from sagewright.nouns import operations
from sagewright.store.resources import Change, Resource
from sagewright.wire.http import BytesReader

WANTED, REGION = 3, "us-east-1"
ENDED = ("succeeded", "stopped", "failed")


def decide(resource: Resource, observed: Observed) -> Decision:
    """Three training jobs at once, then a model named after each; their names follow from the parent's."""
    if observed.refused:
        reason = "; ".join(each.message for each in observed.refused.values())
        return Decision(Change(due=None, phase="failed", status={"FailureReason": reason}))
    jobs = [each for each in observed.children if each.kind == "TrainingJob"]
    models = [each for each in observed.children if each.kind == "Model"]
    if resource.phase == "pending":
        return Decision(Change(due=observed.now, phase="starting"))
    if resource.phase == "starting":
        return Decision(Change(due=None, phase="running"), [job(resource, number) for number in range(WANTED)])
    if len(models) == WANTED:
        return Decision(Change(due=observed.now, phase="succeeded" if resource.phase == "saving" else "saving"))
    known = {each.name for each in models}
    done = [each for each in jobs if each.phase == "succeeded" and each.name not in known]
    return Decision(Change(due=None), [model(each) for each in done])


def job(resource: Resource, number: int) -> Create:
    name = f"{resource.name}-{number}"
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": PYTHON, "TrainingInputMode": "File"},
        "RoleArn": resource.spec["RoleArn"],
        "OutputDataConfig": {"S3OutputPath": "s3://family/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 300},
        "HyperParameters": {
            "sagemaker_program": json.dumps("train.py"),
            "sagemaker_submit_directory": json.dumps("s3://family/sourcedir.tar.gz"),
            "seconds": json.dumps(resource.spec["Seconds"]),
        },
    }
    return Create("sagemaker", "CreateTrainingJob", request, key=name)


def model(of: Resource) -> Create:
    request = {"ModelName": of.name, "PrimaryContainer": {"Image": PYTHON}, "ExecutionRoleArn": ROLE}
    return Create("sagemaker", "CreateModel", request, key=of.name)


SCRIPT = "import sys, time; time.sleep(float(sys.argv[sys.argv.index('--seconds') + 1]))"


class World:
    def __init__(self, directory: Path) -> None:
        self.stage = Stage(directory)
        self.store = self.stage.platform.resources
        self.tools = self.stage.installation._tools
        call = self.stage.call("PutObject")._replace(service="s3")
        operations.working("s3", "CreateBucket")(call, {"Bucket": "family"})
        body = BytesReader(archive({"train.py": SCRIPT}))
        operations.working("s3", "PutObject")(call, {"Bucket": "family", "Key": "sourcedir.tar.gz", "Body": body})
        self.stage.installation.start()  # jobs come in by its doors
        self.stage.installation._reconciler.stop()
        self.reconciler = self.serve()

    def serve(self) -> Reconciler:
        """Another server's reconciler on the same store."""
        nouns = self.stage.nouns.values()
        controllers = {noun.kind: noun.controller(self.tools) for noun in nouns if noun.controller}
        parent = ParentController(ParentKind(RUN, decide), self.tools)
        self.reconciler = Reconciler(self.store, {**controllers, "Parent": parent}, self.tools.clock)
        self.stage.installation._reconciler = self.reconciler
        self.reconciler.start()
        return self.reconciler

    def begin(self, name: str, seconds: float, role: str = ROLE) -> Resource:
        made = self.store.create(
            account=self.stage.principal.account,
            region=REGION,
            kind="Parent",
            name=name,
            arn=f"arn:aws:sagemaker:{REGION}:{self.stage.principal.account}:parent/{name}",
            spec={"RoleArn": role, "Seconds": seconds},
            phase="pending",
            due=self.tools.clock.now(),
        )
        self.reconciler.hint(made.id)
        return made

    def now(self, resource: Resource) -> Resource:
        found = self.store.by_id(resource.id)
        assert found is not None
        return found

    def ended(self, resource: Resource) -> Resource:
        def look() -> bool:
            return self.now(resource).phase in ENDED and self.now(resource).due is None

        eventually(look, what=lambda: str([self.now(resource), *self.store.children(resource.id)]), seconds=120)
        return self.now(resource)

    def names(self, resource: Resource, kind: str) -> list[str]:
        return sorted(each.name for each in self.store.children(resource.id, kind=kind))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("work"))
    yield world
    world.stage.installation._end_all_work()
    world.stage.installation.stop()


@pytest.mark.slow
def test_jobs_and_models_are_made_once_whenever_the_server_ends(world: World) -> None:
    parent = world.begin("whole", 0.5)
    for _ in range(4):
        world.reconciler.stop()
        world.serve()
    ended = world.ended(parent)
    assert ended.phase == "succeeded", (ended, world.store.children(parent.id))
    names = [f"whole-{number}" for number in range(WANTED)]
    assert world.names(parent, "TrainingJob") == names
    assert world.names(parent, "Model") == names
    assert world.store.phase_counts(parent.id) == {("TrainingJob", "succeeded"): 3, ("Model", "ready"): 3}


@pytest.mark.slow
def test_a_stop_ends_the_jobs(world: World) -> None:
    parent = world.begin("stopped", 100)
    eventually(
        lambda: world.store.phase_counts(parent.id).get(("TrainingJob", "running")) == WANTED,
        what=lambda: str(world.store.phase_counts(parent.id)),
        seconds=60,
    )
    before = time.monotonic()
    now = world.now(parent)
    world.store.update(now, wish=({"word": "stopped", "id": request_id()}, "stopping"), due=world.tools.clock.now())
    world.reconciler.hint(parent.id)
    assert world.ended(parent).phase == "stopped"
    assert time.monotonic() - before < 60
    assert world.store.phase_counts(parent.id) == {("TrainingJob", "stopped"): WANTED}


def test_a_role_that_is_not_there_fails_the_parent(world: World) -> None:
    ended = world.ended(world.begin("nobody", 1, role="arn:aws:iam::123456789012:role/Nobody"))
    assert ended.phase == "failed"
    assert "Could not assume role arn:aws:iam::123456789012:role/Nobody" in ended.status["FailureReason"]
