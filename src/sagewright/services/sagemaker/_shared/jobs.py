"""What training, processing and transform jobs share: their words, hosts, limits, inputs, logs and checks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sagewright.backends.base import Input, Limits
from sagewright.core import Json
from sagewright.core.errors import ResourceInUse, ValidationException
from sagewright.engine.placement import instance_type, limits_on_this_machine
from sagewright.engine.run import Outcome, Refused
from sagewright.engine.tools import Tools
from sagewright.environments.catalog import EnvironmentSpec, UnknownImage, resolve
from sagewright.nouns.declaration import Refusal
from sagewright.nouns.members import members_of
from sagewright.store.resources import Resource

DAY = 86400
VOLUME_GIB = 30
"""What an instance has on disk where the request does not say, as AWS gives an endpoint's."""
WORDS = {
    **dict.fromkeys(("pending", "starting", "running", "saving", "interrupted"), "InProgress"),
    "stopping": "Stopping",
    "stopped": "Stopped",
    "succeeded": "Completed",
    "failed": "Failed",
}
MISSING = Refusal("Requested resource not found.")


def taken(kind: str) -> Refusal:
    """The refusal to create a second job of one name."""
    return Refusal(
        f"Job name must be unique within an AWS account and region, and a {kind} with this name already exists "
        "({arn})",
        ResourceInUse,
    )


def ended(kind: str) -> Refusal:
    """The refusal to stop a job that has ended."""
    return Refusal(f"The request was rejected because the {kind} is in status {{status}}.")


def require_image(image: str) -> None:
    """Raises ValidationException unless an environment stands for the image."""
    try:
        resolve(image)
    except UnknownImage as error:
        raise ValidationException(str(error)) from None


def environment_of(image: str) -> EnvironmentSpec:
    """The environment of a job's image. Raises ``Refused``."""
    try:
        return resolve(image)
    except UnknownImage as error:
        raise Refused(f"ClientError: {error}") from None


def host_names(count: int) -> tuple[str, ...]:
    """``algo-1`` to ``algo-<count>``."""
    return tuple(f"algo-{number}" for number in range(1, count + 1))


def resource_config(kind: str, host: str, hosts: tuple[str, ...]) -> str:
    """The text of ``resourceconfig.json`` for one host of instance type ``kind``."""
    group = {"instance_group_name": "homogeneousCluster", "instance_type": kind, "hosts": list(hosts)}
    return json.dumps(
        {
            "current_host": host,
            "current_instance_type": kind,
            "current_group_name": "homogeneousCluster",
            "hosts": list(hosts),
            "instance_groups": [group],
            "network_interface_name": "eth0",
        }
    )


def limits(kind: str, condition: Json, tools: Tools, volume: int = 0) -> Limits:
    """An instance of type ``kind`` with ``volume`` GiB, for as long as the StoppingCondition lets it run."""
    machine = limits_on_this_machine(instance_type(kind))
    return Limits(
        cpus=machine.vcpus,
        memory_bytes=machine.memory_bytes,
        processes=tools.settings.process_limit,
        disk_bytes=(tools.settings.disk_limit_gb or volume or VOLUME_GIB) << 30,
        max_runtime_seconds=condition.get("MaxRuntimeInSeconds", DAY),
        grace_seconds=tools.settings.stop_grace_seconds,
    )


def variables(resource: Resource, environment: EnvironmentSpec) -> dict[str, str]:
    """What every job's process finds in its environment: ``TRAINING_JOB_NAME`` and the like, region, image."""
    kind = {"TrainingJob": "TRAINING", "ProcessingJob": "PROCESSING", "TransformJob": "TRANSFORM"}[resource.kind]
    return {
        f"{kind}_JOB_NAME": resource.name,
        f"{kind}_JOB_ARN": resource.arn,
        "AWS_REGION": resource.region,
        "AWS_DEFAULT_REGION": resource.region,
        **environment.variables,
    }


def notes(resource: Resource) -> tuple[str, ...]:
    """What the log of the work says about members of its request that have no effect."""
    return members_of("sagemaker", f"Create{resource.kind}").notes(resource.spec)


def spread(
    inputs: Iterable[tuple[Input, str | None]], hosts: tuple[str, ...]
) -> tuple[tuple[Input, ...], dict[str, tuple[Input, ...]]]:
    """Inputs with their distribution types → those of all hosts, and each host's share of the ``ShardedByS3Key``."""
    everywhere: list[Input] = []
    shared: list[Input] = []
    for entry, distribution in inputs:
        (shared if distribution == "ShardedByS3Key" else everywhere).append(entry)
    shares = {
        host: tuple(replace(entry, files=entry.files[number :: len(hosts)]) for entry in shared)
        for number, host in enumerate(hosts)
    }
    return tuple(everywhere), shares


def log_files(resource: Resource, group: str, hosts: Sequence[str], tools: Tools) -> tuple[str, ...]:
    """A log stream for each host, opened: the paths of their files."""
    streams = (f"{resource.name}/{host}-{int(resource.created)}" for host in hosts)
    opened = (tools.logs.open_stream(resource.account, resource.region, group, stream) for stream in streams)
    return tuple(str(stream.path) for stream in opened)


def times(prefix: str, outcome: Outcome) -> Json:
    """``<prefix>StartTime``, if it started, and ``<prefix>EndTime``."""
    started = {} if outcome.started is None else {f"{prefix}StartTime": outcome.started}
    return {**started, f"{prefix}EndTime": outcome.ended}
