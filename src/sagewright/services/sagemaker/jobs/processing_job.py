"""ProcessingJob: runs a program of the user's on what it finds in S3, and keeps in S3 what it leaves.

Contract: https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagewright.access.role_sessions import objects_as
from sagewright.backends.base import Input, Output, Sync, Workload
from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.engine.lifecycle import RUN
from sagewright.engine.role_objects import RoleObjects
from sagewright.engine.run import Outcome, Plan, RunController, RunKind
from sagewright.engine.tools import Tools
from sagewright.nouns.declaration import Noun, require_unique
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker._shared import jobs as _job
from sagewright.services.sagemaker._shared.inputs import fetch, require_source
from sagewright.services.sagemaker._shared.requirements import requirements_at, wanted
from sagewright.services.sagemaker._shared.s3_uris import require_bucket
from sagewright.services.sagemaker._shared.syncs import destination
from sagewright.store.resources import Resource

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
ROOT = "/opt/ml/processing"
CONFIG = "/opt/ml/config"
EXIT_MESSAGE = 1024
"""Characters."""
BUNDLE = f"{ROOT}/input/code/sourcedir.tar.gz"
"""Where a FrameworkProcessor's code lies, with its requirements.txt."""
TRAIL = {
    "preparing": ("Starting", "Building the environment of the image, once for all its jobs"),
    "waiting": ("Pending", "Waiting for capacity: as many instances are running as this machine takes"),
    "downloading": ("Downloading", "Downloading input data"),
    "running": ("Processing", "Processing in progress"),
    "packing": ("Uploading", "Uploading outputs"),
    "stopping": ("Stopping", "Stopping the processing job"),
    "stopped": ("Stopped", "Processing job stopped"),
    "timed_out": ("MaxRuntimeExceeded", "Processing job runtime exceeded MaxRuntimeInSeconds provided"),
    "succeeded": ("Completed", "Processing job completed"),
    "failed": ("Failed", "Processing job failed"),
}


def check(call: Call, request: Json) -> None:
    """What a well-formed request may still have wrong: image, program, paths, buckets, or what we cannot do yet."""
    application = request["AppSpecification"]
    _job.require_image(application["ImageUri"])
    if not application.get("ContainerEntrypoint"):
        raise ValidationException("You must specify a ContainerEntrypoint: this image has no program of its own.")
    cluster = request["ProcessingResources"]["ClusterConfig"]
    if "InstanceType" not in cluster or "InstanceCount" not in cluster:
        raise ValidationException("ClusterConfig needs InstanceType and InstanceCount.")
    inputs = request.get("ProcessingInputs", [])
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    require_unique("processing input", [each["InputName"] for each in inputs])
    require_unique("processing output", [each["OutputName"] for each in outputs])
    objects = objects_as(call, request["RoleArn"], NOUN.arn(call, request["ProcessingJobName"]))
    for each in inputs:
        _check_input(objects, each)
    for each in outputs:
        _check_output(objects, each)


def _check_input(objects: RoleObjects, each: Json) -> None:
    name, source = each["InputName"], each.get("S3Input")
    if each.get("AppManaged"):
        return
    if source is None:
        raise ValidationException(f"Processing input {name!r} needs an S3Input.")
    _require_path(f"input {name!r}", source)
    require_source(objects, f"Processing input {name!r}: S3Input", source)


def _check_output(objects: RoleObjects, each: Json) -> None:
    name, target = each["OutputName"], each.get("S3Output")
    if each.get("AppManaged"):
        return
    if target is None:
        raise ValidationException(f"Processing output {name!r} needs an S3Output.")
    _require_path(f"output {name!r}", target)
    require_bucket(objects, target["S3Uri"])


def _require_path(what: str, place: Json) -> None:
    if "LocalPath" not in place:
        raise ValidationException(f"Processing {what} needs a LocalPath, unless it is AppManaged.")
    if not posixpath.normpath(place["LocalPath"]).startswith(f"{ROOT}/"):
        raise ValidationException(
            f"Processing {what}: LocalPath {place['LocalPath']!r} is invalid, it has to be below {ROOT}/."
        )


def plan(resource: Resource, tools: Tools) -> Plan:
    """The workload of one processing job: inputs and outputs at their LocalPaths, configuration, code."""
    spec = resource.spec
    environment = _job.environment_of(spec["AppSpecification"]["ImageUri"])
    cluster = spec["ProcessingResources"]["ClusterConfig"]
    hosts = _job.host_names(cluster["InstanceCount"])
    objects = tools.objects_as(resource)
    downloads = [
        (
            fetch(source["LocalPath"], source, objects, gunzip=source.get("S3CompressionType") == "Gzip"),
            source.get("S3DataDistributionType"),
        )
        for source in (each.get("S3Input") for each in spec.get("ProcessingInputs", ()) if not each.get("AppManaged"))
    ]
    inputs, shares = _job.spread(downloads, hosts)
    outputs, syncs, destinations = _outputs(spec)
    places = [output.path for output in outputs] + [sync.path for sync in syncs]

    isolated = spec.get("NetworkConfig", {}).get("EnableNetworkIsolation", False)
    limits = _job.limits(cluster["InstanceType"], spec.get("StoppingCondition", {}), tools, cluster["VolumeSizeInGB"])
    requirements = requirements_at((entry for entry, _ in downloads), BUNDLE)

    def workload(root: Path) -> Workload:
        application = spec["AppSpecification"]
        return Workload(
            argv=(*application["ContainerEntrypoint"], *application.get("ContainerArguments", ())),
            environment=str(root),
            hosts=hosts,
            env=_job.variables(resource, environment) | spec.get("Environment", {}),
            files={f"{CONFIG}/processingjobconfig.json": _configuration(resource)},
            host_files={
                host: {
                    f"{CONFIG}/resourceconfig.json": _job.resource_config(cluster["InstanceType"], host, hosts),
                }
                for host in hosts
            },
            # An input without files is an empty directory: programs find the place of each output there.
            inputs=(*inputs, *(Input(path, ()) for path in places)),
            host_inputs=shares,
            outputs=outputs,
            syncs=syncs,
            limits=limits,
            log_files=_job.log_files(resource, LOG_GROUP, hosts, tools),
            role=spec["RoleArn"],
            isolated=isolated,
        )

    return Plan(
        wanted=wanted(environment, requirements, tools, limits, isolated=isolated, hosts=len(hosts)),
        workload=workload,
        destinations=destinations,
        notes=_job.notes(resource),
    )


def _outputs(spec: Json) -> tuple[tuple[Output, ...], tuple[Sync, ...], dict[str, tuple[str, str]]]:
    """The directories to keep at the end, those to keep all the time, and where they go.

    By names that we number: an OutputName may be any text.
    """
    wanted = [
        each["S3Output"]
        for each in spec.get("ProcessingOutputConfig", {}).get("Outputs", ())
        if not each.get("AppManaged")
    ]
    places = {f"output-{number}": target for number, target in enumerate(wanted)}
    live = {name for name, target in places.items() if target["S3UploadMode"] == "Continuous"}
    return (
        tuple(Output(name, each["LocalPath"], pack=False) for name, each in places.items() if name not in live),
        tuple(Sync(name, each["LocalPath"]) for name, each in places.items() if name in live),
        {name: destination(target["S3Uri"]) for name, target in places.items()},
    )


def _configuration(resource: Resource) -> str:
    names = {"ProcessingJobArn": resource.arn, "ProcessingJobName": resource.name}
    return json.dumps({**names, **resource.spec, **_stopping_condition(resource)})


def _stopping_condition(resource: Resource) -> Json:
    return {"StoppingCondition": resource.spec.get("StoppingCondition", {"MaxRuntimeInSeconds": _job.DAY})}


def describe(_call: Call, resource: Resource) -> Json:
    """The limit that holds where none was given."""
    return _stopping_condition(resource)


def finish(_resource: Resource, _tools: Tools, outcome: Outcome) -> Mapping[str, Any]:
    """Times, and the ExitMessage: that time ran out, and what the program left in ``/opt/ml/output/message``."""
    texts = [TRAIL["timed_out"][1]] if outcome.timed_out else []
    message = "\n".join([*texts, outcome.message] if outcome.message else texts)
    return _job.times("Processing", outcome) | ({"ExitMessage": message[:EXIT_MESSAGE]} if message else {})


DEFAULTS: Json = {
    "ProcessingInputs": [
        {"AppManaged": False, "S3Input": {"S3DataDistributionType": "FullyReplicated", "S3CompressionType": "None"}}
    ],
    "ProcessingOutputConfig": {"Outputs": [{"AppManaged": False}]},
    "NetworkConfig": {"EnableInterContainerTrafficEncryption": False, "EnableNetworkIsolation": False},
}
"""What AWS answers where a request said nothing."""

KIND = RunKind(
    plan=plan,
    trail=TRAIL,
    finish=finish,
    instances=lambda spec: int(spec["ProcessingResources"]["ClusterConfig"]["InstanceCount"]),
    namespace=LOG_GROUP,
)

NOUN = declare(
    Noun(
        kind="ProcessingJob",
        path="processing-job/{name}",
        taken=_job.taken("processing job"),
        missing=_job.MISSING,
        words=_job.WORDS,
        check=check,
        describe=describe,
        defaults=DEFAULTS,
        lifecycle=RUN,
        first=("Starting", "Starting the processing job"),
        controller=lambda tools: RunController(KIND, tools),
    ),
    ended=_job.ended("processing job"),
)
