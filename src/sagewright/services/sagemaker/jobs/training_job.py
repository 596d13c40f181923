"""TrainingJob: runs a training container's contract in a sandbox and keeps the model it leaves.

Contract: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.access.role_sessions import objects_as
from sagewright.core import Json
from sagewright.core.errors import ResourceInUse, ValidationException
from sagewright.core.s3_uri import is_s3
from sagewright.engine.lifecycle import RUN
from sagewright.engine.run import Outcome, RunController, RunKind
from sagewright.engine.tools import Tools
from sagewright.nouns.declaration import Noun, Refusal, require_unique
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare
from sagewright.services.sagemaker._shared.inputs import require_source
from sagewright.services.sagemaker._shared.jobs import MISSING, WORDS, ended, require_image, times
from sagewright.services.sagemaker._shared.s3_uris import joined, require_bucket, require_readable
from sagewright.services.sagemaker._shared.syncs import require_synced
from sagewright.services.sagemaker._shared.training_metrics import described_algorithm
from sagewright.services.sagemaker.jobs._training_workload import LOG_GROUP, plan, submit_directory
from sagewright.store.resources import Resource

TRAIL = {
    "preparing": ("Starting", "Building the environment of the training image, once for all its jobs"),
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
    algorithm = request.get("AlgorithmSpecification", {})  # optional in the model, for jobs of other kinds
    if "TrainingImage" not in algorithm:
        raise ValidationException("You must specify a TrainingImage.")
    require_image(algorithm["TrainingImage"])
    resources = request.get("ResourceConfig", {})
    if "InstanceType" not in resources or "InstanceCount" not in resources:
        raise ValidationException("ResourceConfig needs InstanceType and InstanceCount.")
    if "StoppingCondition" not in request:
        raise ValidationException("You must specify a StoppingCondition.")
    name = request["TrainingJobName"]
    objects = objects_as(call, request["RoleArn"], NOUN.arn(call, name))
    require_bucket(objects, request["OutputDataConfig"]["S3OutputPath"], f"{name}/output/model.tar.gz")
    code = submit_directory(request)
    if is_s3(code):
        require_readable(objects, code)
    require_unique("channel", (channel["ChannelName"] for channel in request.get("InputDataConfig", ())))
    for channel in request.get("InputDataConfig", ()):
        if "S3DataSource" not in channel["DataSource"]:
            raise ValidationException(f"Channel {channel['ChannelName']!r} needs an S3DataSource.")
        member = f"InputDataConfig: channel {channel['ChannelName']!r}: S3DataSource"
        require_source(objects, member, channel["DataSource"]["S3DataSource"])
    require_synced(objects, request)


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
        "AlgorithmSpecification": described_algorithm(resource.spec),
        "SecondaryStatusTransitions": transitions,
        "ModelArtifacts": resource.status.get("ModelArtifacts", {"S3ModelArtifacts": _model_uri(resource)}),
    }


def finish(_resource: Resource, _tools: Tools, outcome: Outcome) -> Mapping[str, Any]:
    """What Describe says of a job that ended."""
    status = times("Training", outcome)
    if outcome.started is not None:
        seconds = max(1, round(outcome.ended - outcome.started))
        status |= {
            "TrainingTimeInSeconds": seconds,
            "BillableTimeInSeconds": seconds,  # of each instance
        }
    model = outcome.saved.get("model.tar.gz") or outcome.saved.get("model")
    if model:
        status["ModelArtifacts"] = {"S3ModelArtifacts": model}
    return status


def _model_uri(resource: Resource) -> str:
    name = "model" if resource.spec["OutputDataConfig"].get("CompressionType") == "NONE" else "model.tar.gz"
    return joined(resource.spec["OutputDataConfig"]["S3OutputPath"], resource.name, "output", name)


KIND = RunKind(
    plan=plan,
    trail=TRAIL,
    finish=finish,
    instances=lambda spec: int(spec["ResourceConfig"]["InstanceCount"]),
    namespace=LOG_GROUP,
    secondary="SecondaryStatus",
)

DEFAULTS: Json = {
    "AlgorithmSpecification": {"EnableSageMakerMetricsTimeSeries": False},
    "InputDataConfig": [
        {
            "CompressionType": "None",
            "RecordWrapperType": "None",
            "DataSource": {"S3DataSource": {"S3DataDistributionType": "FullyReplicated"}},
        }
    ],
    "OutputDataConfig": {"KmsKeyId": "", "CompressionType": "GZIP"},
    "EnableNetworkIsolation": False,
    "EnableInterContainerTrafficEncryption": False,
    "EnableManagedSpotTraining": False,
    "ProfilingStatus": "Disabled",
}
"""What AWS answers where a request said nothing."""

NOUN = declare(
    Noun(
        kind="TrainingJob",
        path="training-job/{name}",
        taken=Refusal(
            "Training job names must be unique within an AWS account and region, and a training job with this name "
            "already exists ({arn})",
            ResourceInUse,
        ),
        missing=MISSING,
        words=WORDS,
        check=check,
        describe=describe,
        defaults=DEFAULTS,
        lifecycle=RUN,
        first=("Starting", "Starting the training job"),
        status={"SecondaryStatus": "Starting"},
        controller=lambda tools: RunController(KIND, tools),
    ),
    ended=ended("training job"),
)
