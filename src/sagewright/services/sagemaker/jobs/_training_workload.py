"""What a training job runs: hosts, channels, configuration files and environment as the container contract says.

Contract: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from sagewright.backends.base import Input, Output, Workload
from sagewright.core import Json
from sagewright.core.s3_uri import is_s3, split
from sagewright.engine.role_objects import RoleObjects
from sagewright.engine.run import Plan, Refused
from sagewright.engine.tools import Tools
from sagewright.services.sagemaker._shared.inputs import fetch
from sagewright.services.sagemaker._shared.jobs import (
    environment_of,
    host_names,
    limits,
    log_files,
    notes,
    resource_config,
    spread,
    variables,
)
from sagewright.services.sagemaker._shared.requirements import requirements_beside_the_code, requirements_in, wanted
from sagewright.services.sagemaker._shared.s3_uris import (
    joined,
    object_at,
)
from sagewright.services.sagemaker._shared.syncs import CHECKPOINTS, of_training
from sagewright.services.sagemaker._shared.training_metrics import metric_definitions
from sagewright.store.resources import Resource

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
CODE = "/opt/ml/code"


def plan(resource: Resource, tools: Tools) -> Plan:
    """The workload of one training job, hosts and channels laid out as the container contract says."""
    spec = resource.spec
    environment = environment_of(spec["AlgorithmSpecification"]["TrainingImage"])
    kind = spec["ResourceConfig"]["InstanceType"]
    hosts = host_names(spec["ResourceConfig"]["InstanceCount"])
    objects = tools.objects_as(resource)
    code, requirements = _code(resource, objects)
    channels = [_channel(channel, objects) for channel in spec.get("InputDataConfig", ())]
    requirements = requirements or requirements_beside_the_code([channel for channel, _ in channels])
    inputs, shares = spread(channels, hosts)
    model, output = Output("model.tar.gz", "/opt/ml/model"), Output("output.tar.gz", "/opt/ml/output/data")
    if spec["OutputDataConfig"].get("CompressionType") == "NONE":
        model, output = Output("model", model.path, pack=False), Output("output", output.path, pack=False)
    prefix = joined(spec["OutputDataConfig"]["S3OutputPath"], resource.name, "output")
    bucket, key = split(prefix)
    synced = of_training(spec, resource.name, objects)

    limit = limits(kind, spec["StoppingCondition"], tools, spec["ResourceConfig"].get("VolumeSizeInGB", 0))
    isolated = spec.get("EnableNetworkIsolation", False)

    def workload(root: Path) -> Workload:
        return Workload(
            argv=_argv(spec["AlgorithmSpecification"]),
            environment=str(root),
            hosts=hosts,
            env=variables(resource, environment) | spec.get("Environment", {}),
            files=_config_files(spec),
            host_files={
                host: {"/opt/ml/input/config/resourceconfig.json": resource_config(kind, host, hosts)} for host in hosts
            },
            inputs=(*inputs, *code, *synced.inputs),
            host_inputs=shares,
            outputs=(model, output),
            syncs=synced.syncs,
            limits=limit,
            metrics=metric_definitions(spec, environment),
            log_files=log_files(resource, LOG_GROUP, hosts, tools),
            role=spec.get("RoleArn", ""),
            isolated=isolated,
        )

    return Plan(
        wanted=wanted(environment, requirements, tools, limit, isolated=isolated, hosts=len(hosts)),
        workload=workload,
        destinations={each.name: (bucket, f"{key}/{each.name}") for each in (model, output)}
        | dict(synced.destinations),
        notes=(*notes(resource), *_eager(spec)),
    )


def _channel(channel: Json, objects: RoleObjects) -> tuple[Input, str | None]:
    source = channel["DataSource"]["S3DataSource"]
    entry = fetch(
        f"/opt/ml/input/data/{channel['ChannelName']}",
        source,
        objects,
        gunzip=channel.get("CompressionType") == "Gzip",
        seed=channel.get("ShuffleConfig", {}).get("Seed"),
    )
    return entry, source.get("S3DataDistributionType")


def input_modes(spec: Json) -> dict[str, str]:
    """The input mode of each channel: its own, or the job's."""
    mode = spec["AlgorithmSpecification"]["TrainingInputMode"]
    return {each["ChannelName"]: each.get("InputMode", mode) for each in spec.get("InputDataConfig", ())}


def _eager(spec: Json) -> Iterator[str]:
    """What the log says of channels in FastFile mode."""
    if names := [name for name, mode in input_modes(spec).items() if mode == "FastFile"]:
        yield f"FastFile: the files of {', '.join(names)} are copied before the start, as in File mode"


def _code(resource: Resource, objects: RoleObjects) -> tuple[tuple[Input, ...], str | None]:
    """Script mode: the archive of the user's code, and its requirements.txt."""
    submitted = submit_directory(resource.spec)
    if not is_s3(submitted):
        return (), None
    files = object_at(objects, submitted)
    if not files:
        raise Refused(f"ClientError: Data download failed: no object at sagemaker_submit_directory {submitted}")
    return (Input(CODE, files, unpack=True),), requirements_in(Path(files[0].source))


def submit_directory(spec: Json) -> str:
    """Where script mode's archive of the user's code lies, empty when there is none."""
    return _decoded(spec.get("HyperParameters", {}).get("sagemaker_submit_directory", ""))


def _decoded(text: str) -> str:
    """Script-mode hyperparameters are JSON strings; older SDKs sent them bare."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def _argv(algorithm: Json) -> tuple[str, ...]:
    entry = tuple(algorithm.get("ContainerEntrypoint", ()))
    arguments = tuple(algorithm.get("ContainerArguments", ()))
    return (*entry, *arguments) if entry else ("train", *arguments)


def _config_files(spec: Json) -> dict[str, str]:
    modes = input_modes(spec)
    channels = {
        channel["ChannelName"]: {
            "TrainingInputMode": modes[channel["ChannelName"]],
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
        }
        for channel in spec.get("InputDataConfig", ())
    }
    files = {
        "/opt/ml/input/config/hyperparameters.json": json.dumps(spec.get("HyperParameters", {})),
        "/opt/ml/input/config/inputdataconfig.json": json.dumps(channels),
    }
    if "CheckpointConfig" in spec:
        files["/opt/ml/input/config/checkpointconfig.json"] = json.dumps(
            {"LocalPath": CHECKPOINTS, **spec["CheckpointConfig"]}
        )
    return files
