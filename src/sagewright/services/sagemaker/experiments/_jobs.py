"""The trial component that each job has by itself: ``<job>-aws-training-job``, with what it was given and made.

https://docs.aws.amazon.com/sagemaker/latest/dg/lineage-tracking-auto-creation.html. A reader of the changes writes it
when the job is made and when it has ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.engine.calls import SAGEMAKER, Calls
from sagewright.engine.feed import Reader
from sagewright.engine.role_objects import WorkRole
from sagewright.nouns.operations import Platform
from sagewright.nouns.reactions import reaction
from sagewright.store.changes import ChangeRecord
from sagewright.store.resources import ENDED, ResourceStore

log = logging.getLogger(__name__)

JOBS = {"TrainingJob": "training", "ProcessingJob": "processing", "TransformJob": "transform"}
MOST_PARAMETERS = 300
LONGEST_VALUE = 2500
_TIMES = ("TrainingStartTime", "ProcessingStartTime", "TransformStartTime")
_ENDS = ("TrainingEndTime", "ProcessingEndTime", "TransformEndTime")


@reaction
def reader(platform: Platform, calls: Calls) -> Reader:
    """The reader of a server."""
    return Reader("experiments", JobComponents(platform.resources, calls).read, frozenset(JOBS))


@dataclass(frozen=True)
class JobComponents:
    """Writes the trial components of jobs, by AWS's own operations, as SageMaker itself."""

    resources: ResourceStore
    calls: Calls

    def read(self, record: ChangeRecord) -> None:
        """Write what there is to say of a job that was made or has ended. One that is gone has no more to say."""
        if record.verb != "created" and record.after not in ENDED:
            return
        caller = WorkRole(SAGEMAKER, record.account, record.region, record.arn)

        def call(operation: str, request: Json) -> Json:
            return self.calls.call(caller, "sagemaker", operation, request)

        try:
            job = call(f"Describe{record.kind}", {f"{record.kind}Name": record.name})
        except AwsError:
            if self.resources.by_arn(record.arn) is None:
                return
            raise
        try:
            self._write(record, job, call)
        except AwsError as error:  # a job may have what a trial component may not
            log.warning("%s has no trial component: %s", record.arn, error.message)

    def _write(self, record: ChangeRecord, job: Json, call: Callable[[str, Json], Json]) -> None:
        name = f"{record.name}-aws-{JOBS[record.kind]}-job"
        said = {"TrialComponentName": name, **component_of(record.kind, job)}
        found = self.resources.get(record.account, record.region, "TrialComponent", name)
        call("CreateTrialComponent" if found is None else "UpdateTrialComponent", said)
        made = self.resources.get(record.account, record.region, "TrialComponent", name)
        if made is None:
            return
        if "Source" not in made.status:
            source = {"SourceArn": record.arn, "SourceType": f"SageMaker{record.kind}"}
            self.resources.update(made, status={**made.status, "Source": source})
        trial = job.get("ExperimentConfig", {}).get("TrialName")
        if trial and self.resources.get(record.account, record.region, "Trial", trial) is not None:
            call("AssociateTrialComponent", {"TrialComponentName": name, "TrialName": trial})


def component_of(kind: str, job: Json) -> Json:
    """The members of a job's trial component, from the job's description."""
    said: Json = {
        "DisplayName": job.get("ExperimentConfig", {}).get("TrialComponentDisplayName") or job[f"{kind}Name"],
        "Status": _status(kind, job),
        "Parameters": dict(list(_parameters(job))[:MOST_PARAMETERS]),
        "InputArtifacts": dict(_inputs(job)),
        "OutputArtifacts": dict(_outputs(kind, job)),
    }
    for member, names in (("StartTime", _TIMES), ("EndTime", _ENDS)):
        found = [job[name] for name in names if name in job]
        said |= {member: found[0]} if found else {}
    return said


def _status(kind: str, job: Json) -> Json:
    status: Json = {"PrimaryStatus": job[f"{kind}Status"]}
    message = job.get("FailureReason") or job.get("SecondaryStatus")
    return {**status, "Message": str(message)[:1024]} if message else status


def _parameters(job: Json) -> Iterator[tuple[str, Json]]:
    """Hyperparameters and what the job ran on; what is a number is one.

    Not the job's variables: they may be secrets, and who may see a trial component need not be allowed to see the job.
    """
    given: dict[str, Any] = {**job.get("HyperParameters", {})}
    machines = job.get("ResourceConfig") or job.get("TransformResources")
    machines = machines or job.get("ProcessingResources", {}).get("ClusterConfig", {})
    for member in ("InstanceType", "InstanceCount", "VolumeSizeInGB"):
        if member in machines:
            given[f"SageMaker.{member}"] = machines[member]
    for name, value in given.items():
        try:
            yield name, {"NumberValue": float(value)}
        except ValueError:
            yield name, {"StringValue": str(value)[:LONGEST_VALUE]}


def _inputs(job: Json) -> Iterator[tuple[str, Json]]:
    image = job.get("AlgorithmSpecification", {}).get("TrainingImage") or job.get("AppSpecification", {}).get(
        "ImageUri"
    )
    if image:
        yield "SageMaker.ImageUri", {"Value": image}
    for channel in job.get("InputDataConfig", ()):
        yield from _artifact(channel["ChannelName"], channel["DataSource"].get("S3DataSource", {}).get("S3Uri"))
    for each in job.get("ProcessingInputs", ()):
        yield from _artifact(each["InputName"], each.get("S3Input", {}).get("S3Uri"))
    source = job.get("TransformInput", {}).get("DataSource", {}).get("S3DataSource", {}).get("S3Uri")
    yield from _artifact("SageMaker.TransformInput", source)
    yield from _artifact("SageMaker.ModelName", job.get("ModelName"))


def _outputs(kind: str, job: Json) -> Iterator[tuple[str, Json]]:
    if kind == "TrainingJob" and job["TrainingJobStatus"] == "Completed":
        yield from _artifact("SageMaker.ModelArtifact", job.get("ModelArtifacts", {}).get("S3ModelArtifacts"))
    for each in job.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        yield from _artifact(each["OutputName"], each.get("S3Output", {}).get("S3Uri"))
    yield from _artifact("SageMaker.TransformOutput", job.get("TransformOutput", {}).get("S3OutputPath"))


def _artifact(name: str, value: str | None) -> Iterator[tuple[str, Json]]:
    if value:
        yield name, {"Value": value}
