"""Endpoint: model servers that stand and answer InvokeEndpoint.

Contract: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

from pathlib import Path

from sagewright.backends.base import Limits, Workload
from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.engine.deployment import DeploymentController, FleetKind, VariantPlan
from sagewright.engine.lifecycle import STANDING
from sagewright.engine.placement import instance_type, limits_on_this_machine
from sagewright.engine.role_objects import WorkRole
from sagewright.engine.run import Refused
from sagewright.engine.tools import Tools
from sagewright.nouns.declaration import Noun, Refusal, require
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker._shared.jobs import VOLUME_GIB, notes
from sagewright.services.sagemaker._shared.model_server import containers, model_server
from sagewright.services.sagemaker._shared.requirements import wanted
from sagewright.store.resources import Resource

WORDS = {
    "pending": "Creating",
    "starting": "Creating",
    "ready": "InService",
    "updating": "Updating",
    "rolling_back": "RollingBack",
    "deleting": "Deleting",
    "failed": "Failed",
}


def log_group(resource: Resource) -> str:
    """The CloudWatch log group of an endpoint."""
    return f"/aws/sagemaker/Endpoints/{resource.name}"


def check(call: Call, request: Json) -> None:
    """The configuration exists."""
    require(call, "EndpointConfig", request["EndpointConfigName"])


def describe(_call: Call, resource: Resource) -> Json:
    """The variants that serve now; while the first fleet starts, those that will."""
    deployment = resource.spec.get("DeploymentConfig")
    answer: Json = {"LastDeploymentConfig": deployment} if deployment else {}
    fleet = resource.run.get("live") or resource.run.get("next")
    if fleet is None:
        return answer
    return answer | {
        "EndpointConfigName": fleet["snapshot"]["config"],
        "ProductionVariants": [_variant_summary(each, fleet["since"]) for each in fleet["snapshot"]["variants"]],
    }


def _variant_summary(variant: Json, since: float | None) -> Json:
    settings = variant["settings"]
    weight = settings.get("InitialVariantWeight", 1.0)
    image = variant["container"]["Image"]
    deployed = {"SpecifiedImage": image, "ResolvedImage": image} | ({"ResolutionTime": since} if since else {})
    summary: Json = {
        "VariantName": settings["VariantName"],
        "DeployedImages": [deployed],
        "CurrentWeight": weight,
        "DesiredWeight": weight,
    }
    if "ServerlessConfig" in settings:
        return summary | {"CurrentServerlessConfig": settings["ServerlessConfig"]}
    count = settings.get("InitialInstanceCount", 1)
    return summary | {"CurrentInstanceCount": count, "DesiredInstanceCount": count}


def snapshot(resource: Resource, tools: Tools) -> Json:
    """The configuration and its models as they are now, so that the fleet does not need them later."""
    name = resource.spec["EndpointConfigName"]
    config = tools.resources.get(resource.account, resource.region, "EndpointConfig", name)
    if config is None:
        raise Refused(f"The endpoint configuration {name!r} was deleted before the endpoint started.")
    isolated = config.spec.get("EnableNetworkIsolation", False)
    variants: list[Json] = []
    for settings in config.spec["ProductionVariants"]:
        model = tools.resources.get(resource.account, resource.region, "Model", settings["ModelName"])
        if model is None:
            raise Refused(f"The model {settings['ModelName']!r} was deleted before the endpoint started.")
        variants.append(
            {
                "settings": settings,
                "container": containers(model.spec)[0],
                "role": model.spec.get("ExecutionRoleArn", ""),
                "isolated": model.spec.get("EnableNetworkIsolation", False) or isolated,
                "notes": [*notes(config), *notes(model)],
            }
        )
    return {"config": name, "variants": variants}


def plans(resource: Resource, snapshot: Json, tools: Tools) -> list[VariantPlan]:
    """A plan for each variant of a snapshot."""
    return [_plan(resource, variant, tools) for variant in snapshot["variants"]]


def _plan(resource: Resource, variant: Json, tools: Tools) -> VariantPlan:
    settings = variant["settings"]
    model = f"arn:aws:sagemaker:{resource.region}:{resource.account}:model/{settings['ModelName']}"
    role = WorkRole(variant.get("role", ""), resource.account, resource.region, model)  # early fleets have no role
    server = model_server(variant["container"], tools.role_objects(role))
    names = {"SAGEMAKER_ENDPOINT_NAME": resource.name, "SAGEMAKER_VARIANT_NAME": settings["VariantName"]}
    limits = _limits(settings, tools)

    def workload(root: Path, log_file: str) -> Workload:
        return Workload(
            argv=("serve",),
            environment=str(root),
            env={**names, **server.env},
            inputs=server.inputs,
            limits=limits,
            log_files=(log_file,),
            socket=True,
            role=role.arn,
            isolated=variant.get("isolated", False),
        )

    return VariantPlan(
        name=settings["VariantName"],
        weight=settings.get("InitialVariantWeight", 1.0),
        instances=settings.get("InitialInstanceCount", 1),
        wanted=wanted(server.environment, server.requirements, tools, limits, isolated=variant.get("isolated", False)),
        workload=workload,
        startup_seconds=settings.get("ContainerStartupHealthCheckTimeoutInSeconds", 240),
        notes=tuple(variant.get("notes", ())),
    )


def _limits(settings: Json, tools: Tools) -> Limits:
    disk = (tools.settings.disk_limit_gb or settings.get("VolumeSizeInGB", VOLUME_GIB)) << 30
    if "ServerlessConfig" in settings:
        cpus, memory = 1.0, settings["ServerlessConfig"]["MemorySizeInMB"] << 20
    else:
        machine = limits_on_this_machine(instance_type(settings["InstanceType"]))
        cpus, memory = machine.vcpus, machine.memory_bytes
    return Limits(cpus=cpus, memory_bytes=memory, disk_bytes=disk, processes=tools.settings.process_limit)


def updated(call: Call, resource: Resource, request: Json) -> Json:
    """Another configuration, to be deployed beside the one that serves; traffic goes over when it is healthy."""
    if NOUN.word(resource) not in ("InService", "Failed"):
        raise ValidationException(f'Cannot update in-progress endpoint "{resource.arn}".')
    check(call, request)
    spec = {**resource.spec, "EndpointConfigName": request["EndpointConfigName"]}
    if not request.get("RetainDeploymentConfig"):
        spec.pop("DeploymentConfig", None)
    if "DeploymentConfig" in request:
        spec["DeploymentConfig"] = request["DeploymentConfig"]
    return spec


KIND = FleetKind(snapshot=snapshot, plans=plans, log_group=log_group)

NOUN = declare(
    Noun(
        kind="Endpoint",
        path="endpoint/{name}",
        taken=Refusal('Cannot create already existing endpoint "{arn}".'),
        missing=Refusal('Could not find endpoint "{arn}".'),
        words=WORDS,
        check=check,
        describe=describe,
        updated=updated,
        lifecycle=STANDING,
        first=("Creating", ""),
        controller=lambda tools: DeploymentController(KIND, tools),
    )
)
