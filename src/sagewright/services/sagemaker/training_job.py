"""TrainingJob: runs a training container's contract in a sandbox and keeps the model it leaves.

Contract: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagewright.backends.base import Input, Limits, MetricDefinition, Output, Workload
from sagewright.core.errors import ResourceInUse, ValidationException
from sagewright.engine.lifecycle import RUN
from sagewright.engine.placement import here, instance_type
from sagewright.engine.run import Outcome, Plan, Refused, RunController, RunKind
from sagewright.engine.tools import Tools
from sagewright.environments.catalog import EnvironmentSpec, UnknownImage, resolve
from sagewright.kernel.nouns import Noun, Refusal
from sagewright.kernel.operations import Call
from sagewright.kernel.s3_uris import (
    MAX_REQUIREMENTS,
    inputs_below,
    joined,
    require_bucket,
    require_objects,
    requirements_in,
    split,
)
from sagewright.kernel.verbs import declare
from sagewright.store.resources import Resource

Json = dict[str, Any]

DAY = 86400
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
CODE = "/opt/ml/code"
WORDS = {
    **dict.fromkeys(("pending", "starting", "running", "saving", "interrupted"), "InProgress"),
    "stopping": "Stopping",
    "stopped": "Stopped",
    "succeeded": "Completed",
    "failed": "Failed",
}
TRAIL = {
    "preparing": ("Starting", "Preparing the environment of the training image"),
    "waiting": ("Pending", "Waiting for capacity: as many instances are running as this machine takes"),
    "downloading": ("Downloading", "Downloading input data"),
    "running": ("Training", "Training image download completed. Training in progress."),
    "packing": ("Uploading", "Uploading generated training model"),
    "stopping": ("Stopping", "Stopping the training job"),
    "stopped": ("Stopped", "Training job stopped"),
    "timed_out": ("MaxRuntimeExceeded", "Training job runtime exceeded MaxRuntimeInSeconds provided"),
    "succeeded": ("Completed", "Training job completed"),
    "failed": ("Failed", "Training job failed"),
}


def check(call: Call, request: Json) -> None:
    """What a well-formed request may still have wrong: the image, the instances, the buckets."""
    algorithm = request["AlgorithmSpecification"]
    if "TrainingImage" not in algorithm:
        raise ValidationException("You must specify a training image: AlgorithmName is not supported yet.")
    if algorithm["TrainingInputMode"] == "Pipe":
        raise ValidationException("TrainingInputMode Pipe is not supported yet; use File or FastFile.")
    try:
        resolve(algorithm["TrainingImage"])
    except UnknownImage as error:
        raise ValidationException(str(error)) from None
    resources = request.get("ResourceConfig", {})
    if "InstanceType" not in resources or "InstanceCount" not in resources:
        raise ValidationException(
            "ResourceConfig needs InstanceType and InstanceCount: instance groups are not supported yet."
        )
    if "StoppingCondition" not in request:
        raise ValidationException("You must specify a StoppingCondition.")
    require_bucket(call, request["OutputDataConfig"]["S3OutputPath"])
    names: set[str] = set()
    for channel in request.get("InputDataConfig", ()):
        if channel["ChannelName"] in names:
            raise ValidationException(f"Duplicate channel name {channel['ChannelName']!r} in InputDataConfig.")
        names.add(channel["ChannelName"])
        if "S3DataSource" not in channel["DataSource"]:
            raise ValidationException(f"Channel {channel['ChannelName']!r}: only S3DataSource is supported yet.")
        require_objects(call, channel["DataSource"]["S3DataSource"]["S3Uri"], request.get("RoleArn", ""))


def describe(call: Call, resource: Resource) -> Json:
    """The trail as SecondaryStatusTransitions; each ends when the next begins."""
    events = call.platform.events.of(resource.id)
    transitions: list[Json] = []
    for index, event in enumerate(events):
        transition: Json = {"Status": event.word, "StartTime": event.at, "StatusMessage": event.message}
        following = events[index + 1].at if index + 1 < len(events) else None
        if following is not None or RUN.final(resource.phase):
            transition["EndTime"] = following if following is not None else event.at
        transitions.append(transition)
    return {
        "SecondaryStatusTransitions": transitions,
        "ModelArtifacts": resource.status.get("ModelArtifacts", {"S3ModelArtifacts": _model_uri(resource)}),
    }


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
        instances=len(hosts),
        workload=workload,
        destinations={each.name: (bucket, f"{key}/{each.name}") for each in (model, output)},
    )


def finish(resource: Resource, _tools: Tools, outcome: Outcome) -> Mapping[str, Any]:
    """What Describe says of a job that ended."""
    status: Json = {"TrainingEndTime": outcome.ended}
    if outcome.started is not None:
        seconds = max(1, round(outcome.ended - outcome.started))
        status |= {
            "TrainingStartTime": outcome.started,
            "TrainingTimeInSeconds": seconds,
            "BillableTimeInSeconds": seconds * resource.spec["ResourceConfig"]["InstanceCount"],
        }
    model = outcome.saved.get("model.tar.gz") or outcome.saved.get("model")
    if model:
        status["ModelArtifacts"] = {"S3ModelArtifacts": model}
    return status


def _model_uri(resource: Resource) -> str:
    name = "model" if resource.spec["OutputDataConfig"].get("CompressionType") == "NONE" else "model.tar.gz"
    return joined(resource.spec["OutputDataConfig"]["S3OutputPath"], resource.name, "output", name)


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


KIND = RunKind(plan=plan, trail=TRAIL, finish=finish, namespace=LOG_GROUP, secondary="SecondaryStatus")

NOUN = declare(
    Noun(
        kind="TrainingJob",
        path="training-job/{name}",
        taken=Refusal(
            "Training job names must be unique within an AWS account and region, and a training job with this name "
            "already exists ({arn})",
            ResourceInUse,
        ),
        missing=Refusal("Requested resource not found."),
        words=WORDS,
        check=check,
        describe=describe,
        lifecycle=RUN,
        first=("Starting", "Starting the training job"),
        status={"SecondaryStatus": "Starting"},
        controller=lambda tools: RunController(KIND, tools),
    ),
    settled=Refusal("The request was rejected because the training job is in status {status}."),
)
