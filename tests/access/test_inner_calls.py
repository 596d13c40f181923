"""Inner calls meet the checks and refusals of a user's call, in the name of the work's role."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.kit.examples import Stage

from sagewright.access.inner_calls import InnerCalls
from sagewright.access.role_making import make, trust_of
from sagewright.core.errors import AwsError, NotImplementedYet, SerializationException
from sagewright.engine.calls import SAGEMAKER
from sagewright.engine.role_objects import WorkRole

ACCOUNT = "123456789012"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"


class World:
    def __init__(self, directory: Path) -> None:
        self.stage = Stage(directory)
        self.resources = self.stage.platform.resources
        self.calls = InnerCalls(self.stage.platform)
        self.passed = self.role("Passed")

    def role(self, name: str, *allowed: str, service: str = SAGEMAKER) -> str:
        arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        trust = trust_of({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})
        made = make(self.resources, arn, role_id=f"AROA{name}", trust=trust, description="")
        statement = {"Effect": "Allow", "Action": list(allowed), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}) if allowed else ""
        self.resources.update(made, status={"Attached": [], "Inline": {"p": policy} if policy else {}})
        return arn

    def model(self, name: str, caller: str, parent: str | None = None, **more: Any) -> Any:
        work = WorkRole(caller, ACCOUNT, "us-east-1", "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p")
        request = {
            "ModelName": name,
            "PrimaryContainer": {"Image": IMAGE},
            "ExecutionRoleArn": self.passed,
            **more,
        }
        return self.calls.call(work, "sagemaker", "CreateModel", request, parent=parent)

    def models(self) -> list[str]:
        return [each.name for each in self.resources.list(ACCOUNT, "us-east-1", "Model")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("inner"))


def refused(world: World, *arguments: Any, **more: Any) -> str:
    with pytest.raises(AwsError) as caught:
        world.model(*arguments, **more)
    return f"{caught.value.code}: {caught.value.message}"


def test_a_role_makes_a_child_once_however_often_the_call_is_repeated(world: World) -> None:
    role = world.role("Able", "sagemaker:CreateModel", "sagemaker:AddTags", "iam:PassRole")
    first = world.model("child", role, "parent-1", Tags=[{"Key": "a", "Value": "b"}])
    assert first == world.model("child", role, "parent-1")
    made = world.resources.by_arn(first["ModelArn"])
    assert made is not None
    assert made.parent == "parent-1"
    assert world.models().count("child") == 1
    assert "already existing model" in refused(world, "child", role, "parent-2")
    assert "already existing model" in refused(world, "child", role)


def test_a_role_without_the_permission_is_denied_in_awss_words(world: World) -> None:
    role = world.role("Unable", "iam:PassRole")
    assert refused(world, "never", role) == (
        f"AccessDeniedException: User: arn:aws:sts::{ACCOUNT}:assumed-role/Unable/SageMaker is not authorized to "
        f"perform: sagemaker:CreateModel on resource: arn:aws:sagemaker:us-east-1:{ACCOUNT}:model/never because no "
        "identity-based policy allows the sagemaker:CreateModel action"
    )
    keeps_roles = world.role("KeepsRoles", "sagemaker:CreateModel")
    assert "not authorized to perform: iam:PassRole" in refused(world, "never", keeps_roles)
    assert "never" not in world.models()


def test_a_bad_request_is_refused_before_anybody_is_asked(world: World) -> None:
    role = world.role("Anything")
    assert refused(world, "-bad-", role).startswith(
        "ValidationException: 1 validation error detected: Value '-bad-' at 'modelName' failed to satisfy constraint"
    )
    with pytest.raises(SerializationException):
        world.model("never", role, PrimaryContainer="text")


def test_who_may_be_the_caller(world: World) -> None:
    assert "Could not assume role" in refused(world, "never", f"arn:aws:iam::{ACCOUNT}:role/Nobody")
    events = world.role("Events", "sagemaker:*", "iam:PassRole", service="events.amazonaws.com")
    assert "allows principal 'sagemaker.amazonaws.com'" in refused(world, "never", events)
    assert "No role was given" in refused(world, "never", "")
    work = WorkRole(events, ACCOUNT, "us-east-1", "arn:rule", "events.amazonaws.com")
    assert world.calls.call(work, "sagemaker", "ListModels", {"NameContains": "none-of-it"}) == {"Models": []}
    world.model("by-sagemaker", SAGEMAKER, "parent-3")
    assert "by-sagemaker" in world.models()


def test_what_does_not_work_yet_says_so(world: World) -> None:
    work = WorkRole(SAGEMAKER, ACCOUNT, "us-east-1", "arn:x")
    with pytest.raises(NotImplementedYet, match="sagemaker:ListHubs is known"):
        world.calls.call(work, "sagemaker", "ListHubs", {})
