"""Starting a pipeline as a role, for what is triggered: a schedule that is due, or an event that a rule matches."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sagewright.core.arns import Arn
from sagewright.core.errors import AwsError
from sagewright.engine.calls import Calls
from sagewright.engine.role_objects import WorkRole
from sagewright.store.resources import Resource


@dataclass(frozen=True, slots=True)
class PipelineStart:
    """Which pipeline to start with which parameters. The same ``token`` starts it once."""

    pipeline: str
    parameters: Mapping[str, str]
    token: str


def is_pipeline(arn: str) -> bool:
    """Whether an ARN is that of a pipeline."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        return False
    return parsed.service == "sagemaker" and parsed.resource.startswith("pipeline/") and parsed.resource.count("/") == 1


def token_of(*parts: object) -> str:
    """A ClientRequestToken: the same for the same parts."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def start(calls: Calls, trigger: Resource, caller: tuple[str, str], wanted: PipelineStart) -> AwsError | None:
    """Start a pipeline on behalf of a trigger; the error where that is refused.

    ``caller`` is a role, and the principal of the service that takes it on.
    """
    role, service = caller
    work = WorkRole(role, trigger.account, trigger.region, trigger.arn, service)
    request = {
        "PipelineName": wanted.pipeline,
        "PipelineParameters": [{"Name": name, "Value": value} for name, value in wanted.parameters.items()],
        "ClientRequestToken": wanted.token,
    }
    try:
        calls.call(work, "sagemaker", "StartPipelineExecution", request)
    except AwsError as error:
        return error
    return None
