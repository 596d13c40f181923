"""Who calls, when it is no role that does."""

from __future__ import annotations

from sagewright.engine.calls import SAGEMAKER, itself
from sagewright.engine.role_objects import WorkRole
from sagewright.store.resources import Resource


def test_sagemaker_itself_calls_for_a_resources_work() -> None:
    tail = ({}, {}, {}, "pending", {}, 0.0, 0.0, 1, None)
    resource = Resource("id", "123456789012", "eu-west-1", "K", "n", "arn:n", *tail)
    assert itself(resource) == WorkRole(SAGEMAKER, "123456789012", "eu-west-1", "arn:n")
    assert WorkRole.of(resource).arn == "", "not every work has a role"
