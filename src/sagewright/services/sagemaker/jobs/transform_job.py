"""TransformJob: a model's answers to every record below an S3 prefix, an object ``<name>.out`` for each object.

Contract: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html. The model server and the
program that asks it are one job in one sandbox (``sagewright_runtime.transform``). MaxConcurrentTransforms is
told to the model server alone: payloads are always in flight.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagewright.access.role_sessions import objects_as
from sagewright.backends.base import Input, Output, Workload
from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.engine.lifecycle import RUN
from sagewright.engine.run import Outcome, Plan, Refused, RunController, RunKind
from sagewright.engine.tools import Tools
from sagewright.nouns.declaration import Noun, require
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker._shared import jobs as _job
from sagewright.services.sagemaker._shared.inputs import fetch, require_source
from sagewright.services.sagemaker._shared.model_packages import running_containers
from sagewright.services.sagemaker._shared.model_server import model_server
from sagewright.services.sagemaker._shared.requirements import wanted
from sagewright.services.sagemaker._shared.s3_uris import require_bucket
from sagewright.services.sagemaker._shared.syncs import destination
from sagewright.store.resources import Resource
from sagewright_runtime.shared import json_paths as paths

LOG_GROUP = "/aws/sagemaker/TransformJobs"
ROOT = "/opt/ml/transform"
SETTINGS = "/opt/ml/input/config/transform.json"
MOST_MEGABYTES = 100
DEFAULT_MEGABYTES = 6
TRAIL = {
    "preparing": ("Starting", "Building the environment of the model's image, once for all its jobs"),
    "waiting": ("Pending", "Waiting for capacity: as many instances are running as this machine takes"),
    "downloading": ("Downloading", "Downloading the model and input data"),
    "running": ("Transforming", "Transform in progress"),
    "packing": ("Uploading", "Uploading outputs"),
    "stopping": ("Stopping", "Stopping the transform job"),
    "stopped": ("Stopped", "Transform job stopped"),
    "succeeded": ("Completed", "Transform job completed"),
    "failed": ("Failed", "Transform job failed"),
}


def check(call: Call, request: Json) -> None:
    """The model, what is to be read and written, and nothing this version would silently ignore."""
    model = require(call, "Model", request["ModelName"])
    source, target = request["TransformInput"], request["TransformOutput"]
    where = source["DataSource"]["S3DataSource"]
    most = request.get("MaxPayloadInMB", DEFAULT_MEGABYTES)
    if most * max(1, request.get("MaxConcurrentTransforms", 1)) > MOST_MEGABYTES:
        raise ValidationException(
            f"MaxConcurrentTransforms * MaxPayloadInMB must not be more than {MOST_MEGABYTES} MB."
        )
    _check_processing(request.get("DataProcessing", {}), source, target)
    objects = objects_as(call, model.spec.get("ExecutionRoleArn", ""), model.arn)
    require_source(objects, "TransformInput.DataSource.S3DataSource", where)
    require_bucket(objects, target["S3OutputPath"])


def _check_processing(processing: Json, source: Json, target: Json) -> None:
    """Filters that can be followed, of types that can be read."""
    for member in ("InputFilter", "OutputFilter"):
        try:
            paths.Path(processing.get(member, "$"))
        except paths.PathError as error:
            raise ValidationException(f"{member}: {error}") from None
    types: set[str] = set()
    if processing.get("InputFilter", "$") != "$" or _joins(processing):
        types.add(source.get("ContentType", ""))
    if processing.get("OutputFilter", "$") != "$" or _joins(processing):
        types.add(target.get("Accept") or source.get("ContentType", ""))
    plain = {each.partition(";")[0].strip().lower() for each in types}
    if plain - {"text/csv", "application/json", "application/jsonlines"}:
        raise ValidationException(
            "DataProcessing needs ContentType and Accept to be text/csv, application/json or application/jsonlines."
        )
    if _joins(processing) and len(plain) > 1 and "text/csv" in plain:
        raise ValidationException("JoinSource Input needs ContentType and Accept to be of one format.")
    if "text/csv" in plain and source.get("SplitType") != "Line":
        raise ValidationException("DataProcessing of text/csv needs SplitType Line.")


def _joins(processing: Json) -> bool:
    return bool(processing.get("JoinSource") == "Input")


def plan(resource: Resource, tools: Tools) -> Plan:
    """The workload: the model's files and variables, each host's share of the objects, and what to do with them."""
    spec = resource.spec
    model = tools.resources.get(resource.account, resource.region, "Model", spec["ModelName"])
    if model is None:
        raise Refused(f"ClientError: the model {spec['ModelName']!r} was deleted before the transform job started.")
    objects = tools.objects_as(model)
    server = model_server(running_containers(model, tools.resources)[0], objects)
    kind = spec["TransformResources"]["InstanceType"]
    hosts = _job.host_names(spec["TransformResources"]["InstanceCount"])
    source = spec["TransformInput"]["DataSource"]["S3DataSource"]
    data, shares = _job.spread([(fetch(f"{ROOT}/input", source, objects), "ShardedByS3Key")], hosts)

    limits = _job.limits(kind, {"MaxRuntimeInSeconds": 0}, tools)
    isolated = model.spec.get("EnableNetworkIsolation", False)
    role = model.spec.get("ExecutionRoleArn", "")

    def workload(root: Path) -> Workload:
        return Workload(
            argv=("transform",),
            environment=str(root),
            hosts=hosts,
            env=_job.variables(resource, server.environment) | server.env | _variables(spec),
            files={SETTINGS: json.dumps(_settings(spec))},
            inputs=(*server.inputs, *data, Input(f"{ROOT}/output", ())),
            host_inputs=shares,
            outputs=(Output("output", f"{ROOT}/output", pack=False),),
            limits=limits,
            log_files=_job.log_files(resource, LOG_GROUP, hosts, tools),
            role=role,
            isolated=isolated,
        )

    return Plan(
        wanted=wanted(server.environment, server.requirements, tools, limits, isolated=isolated, hosts=len(hosts)),
        workload=workload,
        destinations={"output": destination(spec["TransformOutput"]["S3OutputPath"])},
        notes=(*_job.notes(resource), *_job.notes(model)),
    )


def _variables(spec: Json) -> dict[str, str]:
    single = spec.get("BatchStrategy") == "SingleRecord"
    return {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD" if single else "MULTI_RECORD",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(spec.get("MaxPayloadInMB", DEFAULT_MEGABYTES)),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(spec.get("MaxConcurrentTransforms") or 1),
        **spec.get("Environment", {}),
    }


def _settings(spec: Json) -> Json:
    """What ``sagewright_runtime.transform`` reads."""
    source, target, processing = spec["TransformInput"], spec["TransformOutput"], spec.get("DataProcessing", {})
    return {
        "content_type": source.get("ContentType", ""),
        "accept": target.get("Accept", ""),
        "split": source.get("SplitType", "None"),
        "gzip": source.get("CompressionType") == "Gzip",
        "strategy": spec.get("BatchStrategy", "MultiRecord"),
        "assemble": target.get("AssembleWith", "None"),
        "max_payload_bytes": spec.get("MaxPayloadInMB", DEFAULT_MEGABYTES) << 20,
        "timeout_seconds": spec.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", 600),
        "input_filter": processing.get("InputFilter", "$"),
        "output_filter": processing.get("OutputFilter", "$"),
        "join": _joins(processing),
    }


def finish(_resource: Resource, _tools: Tools, outcome: Outcome) -> Mapping[str, Any]:
    """When it ran."""
    return _job.times("Transform", outcome)


DEFAULTS: Json = {
    "TransformInput": {"CompressionType": "None", "SplitType": "None"},
    "TransformOutput": {"AssembleWith": "None", "KmsKeyId": ""},
    "DataProcessing": {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"},
}
"""What AWS answers where a request said nothing."""

KIND = RunKind(
    plan=plan,
    trail=TRAIL,
    finish=finish,
    instances=lambda spec: int(spec["TransformResources"]["InstanceCount"]),
    namespace=LOG_GROUP,
    together=False,
)

NOUN = declare(
    Noun(
        kind="TransformJob",
        path="transform-job/{name}",
        taken=_job.taken("transform job"),
        missing=_job.MISSING,
        words=_job.WORDS,
        check=check,
        defaults=DEFAULTS,
        lifecycle=RUN,
        first=("Starting", "Starting the transform job"),
        controller=lambda tools: RunController(KIND, tools),
    ),
    ended=_job.ended("transform job"),
)
