"""What a training job runs: hosts, channels, configuration files and environment as the container contract says.

Contract: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sagewright.backends.base import Input, Limits, MetricDefinition, Output, Workload
from sagewright.engine.placement import here, instance_type
from sagewright.engine.run import Plan, Refused
from sagewright.engine.tools import Tools
from sagewright.environments.catalog import EnvironmentSpec, UnknownImage, resolve
from sagewright.kernel.s3_uris import MAX_REQUIREMENTS, inputs_below, joined, requirements_in, split
from sagewright.store.resources import Resource

Json = dict[str, Any]

DAY = 86400
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
CODE = "/opt/ml/code"


def plan(resource: Resource, tools: Tools) -> Plan:
    """The workload of one training job, hosts and channels laid out as the container contract says."""
    spec = resource.spec
    try:
        environment = resolve(spec["AlgorithmSpecification"]["TrainingImage"])
    except UnknownImage as error:
        raise Refused(f"ClientError: {error}") from None
    code, requirements = _code(resource, tools)
    channels = tuple(
        Input(
            f"/opt/ml/input/data/{channel['ChannelName']}",
            inputs_below(tools.objects, channel["DataSource"]["S3DataSource"]["S3Uri"]),
        )
        for channel in spec.get("InputDataConfig", ())
    )
    requirements = requirements or _beside_the_code(channels)
    for channel in channels:
        if not channel.files:
            raise Refused(
                f"ClientError: Data download failed: no objects found for channel {Path(channel.path).name!r}"
            )
    hosts = tuple(f"algo-{index + 1}" for index in range(spec["ResourceConfig"]["InstanceCount"]))
    model, output = Output("model.tar.gz", "/opt/ml/model"), Output("output.tar.gz", "/opt/ml/output/data")
    if spec["OutputDataConfig"].get("CompressionType") == "NONE":
        model, output = Output("model", model.path, pack=False), Output("output", output.path, pack=False)
    prefix = joined(spec["OutputDataConfig"]["S3OutputPath"], resource.name, "output")
    bucket, key = split(prefix)

    def workload(root: Path) -> Workload:
        return Workload(
            argv=_argv(spec["AlgorithmSpecification"]),
            environment=str(root),
            hosts=hosts,
            env=_env(resource, environment),
            files=_config_files(spec),
            host_files={
                host: {"/opt/ml/input/config/resourceconfig.json": _resources(spec, host, hosts)} for host in hosts
            },
            inputs=(*channels, *code),
            outputs=(model, output),
            limits=_limits(spec, tools),
            metrics=_metrics(spec, environment),
            log_files=_log_files(resource, hosts, tools),
        )

    return Plan(
        environment=environment,
        requirements=requirements,
        workload=workload,
        destinations={each.name: (bucket, f"{key}/{each.name}") for each in (model, output)},
    )


def _code(resource: Resource, tools: Tools) -> tuple[tuple[Input, ...], str | None]:
    """Script mode: the archive of the user's code, and its requirements.txt."""
    submitted = _decoded(resource.spec.get("HyperParameters", {}).get("sagemaker_submit_directory", ""))
    if not submitted.startswith("s3://"):
        return (), None
    files = inputs_below(tools.objects, submitted)
    if len(files) != 1:
        raise Refused(f"ClientError: Data download failed: no object at sagemaker_submit_directory {submitted}")
    return (Input(CODE, files, unpack=True),), requirements_in(Path(files[0].source))


def _beside_the_code(channels: tuple[Input, ...]) -> str | None:
    """The requirements.txt of SDK v3, which sends code and drivers as channels and runs pip at the start of the job.

    Installed beforehand, so that its pip finds everything there and needs no network.
    """
    files = {f"{channel.path}/{file.name}": file for channel in channels for file in channel.files}
    found = files.get("/opt/ml/input/data/code/requirements.txt")
    if found is None or not any(path.startswith("/opt/ml/input/data/sm_drivers/") for path in files):
        return None
    return Path(found.source).read_bytes()[:MAX_REQUIREMENTS].decode(errors="replace")


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


def _env(resource: Resource, environment: EnvironmentSpec) -> dict[str, str]:
    env = {
        "TRAINING_JOB_NAME": resource.name,
        "TRAINING_JOB_ARN": resource.arn,
        "AWS_REGION": resource.region,
        "AWS_DEFAULT_REGION": resource.region,
        **environment.variables,
    }
    return {**env, **resource.spec.get("Environment", {})}


def _config_files(spec: Json) -> dict[str, str]:
    mode = spec["AlgorithmSpecification"]["TrainingInputMode"]
    channels = {
        channel["ChannelName"]: {
            "TrainingInputMode": channel.get("InputMode", mode),
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
        files["/opt/ml/input/config/checkpointconfig.json"] = json.dumps(spec["CheckpointConfig"])
    return files


def _resources(spec: Json, host: str, hosts: tuple[str, ...]) -> str:
    kind = spec["ResourceConfig"]["InstanceType"]
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


def _limits(spec: Json, tools: Tools) -> Limits:
    machine = here(instance_type(spec["ResourceConfig"]["InstanceType"]))
    return Limits(
        cpus=machine.vcpus,
        memory_bytes=machine.memory_bytes,
        max_runtime_seconds=spec["StoppingCondition"].get("MaxRuntimeInSeconds", DAY),
        grace_seconds=tools.settings.stop_grace_seconds,
    )


def _metrics(spec: Json, environment: EnvironmentSpec) -> tuple[MetricDefinition, ...]:
    """The request's definitions; a built-in algorithm brings its documented ones."""
    own = spec["AlgorithmSpecification"].get("MetricDefinitions", ())
    given = {each["Name"]: each["Regex"] for each in own}
    if "sagemaker_program" not in spec.get("HyperParameters", {}):
        given = {**{metric.name: metric.regex for metric in environment.metrics}, **given}
    return tuple(MetricDefinition(name, regex) for name, regex in given.items())


def _log_files(resource: Resource, hosts: tuple[str, ...], tools: Tools) -> tuple[str, ...]:
    streams = (f"{resource.name}/{host}-{int(resource.created)}" for host in hosts)
    opened = (tools.logs.open_stream(resource.account, resource.region, LOG_GROUP, stream) for stream in streams)
    return tuple(str(stream.path) for stream in opened)
