"""The reader of the changes that writes lineage: of jobs, model packages and endpoints, when they are made and end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from sagewright.core import Json
from sagewright.core.arns import Arn
from sagewright.core.errors import AwsError, ResourceInUse
from sagewright.engine.calls import SAGEMAKER, Calls
from sagewright.engine.feed import Reader
from sagewright.engine.role_objects import WorkRole
from sagewright.nouns.operations import Platform
from sagewright.nouns.reactions import reaction
from sagewright.services.sagemaker.lineage._automatic import AUTOMATIC, Association, Entity
from sagewright.services.sagemaker.lineage.artifact import name_of
from sagewright.store.changes import ChangeRecord
from sagewright.store.links import LinkStore
from sagewright.store.resources import ENDED, ResourceStore

Ask: TypeAlias = Callable[[str, Json], Json]
"""Calls an operation of SageMaker with a request."""
_NAMES = {"ModelPackage": "ModelPackageName"}


@reaction
def reader(platform: Platform, calls: Calls) -> Reader:
    """The reader of a server."""
    return Reader("lineage", LineageReader(platform.resources, platform.links, calls).read, frozenset(AUTOMATIC))


@dataclass(frozen=True)
class LineageReader:
    """Writes entities and associations by AWS's own operations, as SageMaker itself. What is there stays."""

    resources: ResourceStore
    links: LinkStore
    calls: Calls

    def read(self, record: ChangeRecord) -> None:
        """Write what a change adds to the lineage. What is gone meanwhile adds nothing."""
        made = record.verb == "created" and record.kind != "Endpoint"
        if not made and record.after not in (*ENDED, "ready"):
            return
        caller = WorkRole(SAGEMAKER, record.account, record.region, record.arn)

        def ask(operation: str, request: Json) -> Json:
            return self.calls.call(caller, "sagemaker", operation, request)

        try:
            document = self._described(record, ask)
        except AwsError:
            if self.resources.by_arn(record.arn) is None:
                return
            raise
        for association in AUTOMATIC[record.kind](document):
            self._write(association, record, ask)

    def _write(self, association: Association, record: ChangeRecord, ask: Ask) -> None:
        """Link the two entities. A job's trial component may be made later: its ARN follows from the job's name."""
        source, destination = association.source, association.destination
        self.links.add(
            record.account,
            record.region,
            source=_made(source, record, ask),
            destination=_made(destination, record, ask),
            type=association.type,
            source_type=source.type,
            destination_type=destination.type,
            created_by={"IamIdentity": {"Arn": SAGEMAKER}},
        )

    def _described(self, record: ChangeRecord, ask: Ask) -> Json:
        """The description, with those of its models where a kind has them elsewhere."""
        named = record.arn if record.kind == "ModelPackage" else record.name
        document = ask(f"Describe{record.kind}", {_NAMES.get(record.kind, f"{record.kind}Name"): named})
        if record.kind == "TransformJob":
            return {**document, "Model": next(iter(_models([document["ModelName"]], ask)), {})}
        if record.kind == "Endpoint":
            config = ask("DescribeEndpointConfig", {"EndpointConfigName": document["EndpointConfigName"]})
            names = [each["ModelName"] for each in config["ProductionVariants"] if "ModelName" in each]
            return {**document, "Models": list(_models(names, ask))}
        return document


def _models(names: Iterable[str], ask: Ask) -> Iterable[Json]:
    """The descriptions of models that still exist."""
    for name in names:
        try:
            yield ask("DescribeModel", {"ModelName": name})
        except AwsError:
            continue


def _made(entity: Entity, record: ChangeRecord, ask: Ask) -> str:
    """The ARN of an entity, which is made unless it is there. A job's trial component is made by another reader."""

    def arn(path: str) -> str:
        return str(Arn("sagemaker", record.region, record.account, path))

    if entity.kind == "TrialComponent":
        return arn(f"experiment-trial-component/{entity.name}")
    source: Json = {"SourceUri": entity.source}
    if entity.kind == "Artifact":
        ask("CreateArtifact", {"Source": source, "ArtifactType": entity.type})
        return arn(f"artifact/{name_of(entity.source)}")
    request: Json = {
        f"{entity.kind}Name": entity.name,
        f"{entity.kind}Type": entity.type,
        "Source": {**source, "SourceType": entity.source_type},
    }
    status = {"Status": entity.status} if entity.kind == "Action" and entity.type == "ModelDeployment" else {}
    try:
        ask(f"Create{entity.kind}", {**request, **status})
    except ResourceInUse:
        if status:
            ask(f"Update{entity.kind}", {f"{entity.kind}Name": entity.name, **status})
    return arn(f"{entity.kind.lower()}/{entity.name}")
