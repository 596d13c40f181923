"""Carries example requests out in this process, and notes which of their members are read.

What a check reads does not count, nor what Describe shows: a member that is only looked at has no effect. Counted are
the making of the resource, what is planned for it, and what is written of it at its end.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.kit.jobs import archive
from tests.kit.recording import Recorded

from sagewright.bootstrap import Installation, load_services
from sagewright.core.config import Settings
from sagewright.engine.deployment import DeploymentController
from sagewright.engine.parents import Create, Observed, ParentController
from sagewright.engine.run import Outcome, RunController
from sagewright.nouns import operations
from sagewright.nouns.declaration import Noun, all_nouns
from sagewright.nouns.listing import list_resources
from sagewright.nouns.members import members_of
from sagewright.nouns.operations import Call, Platform, Principal
from sagewright.services.iam._defaults import ensure_defaults
from sagewright.store.pages import Query
from sagewright.store.resources import Change, Resource, ResourceStore
from sagewright.wire.http import BytesReader, Request

SERVICE = "sagemaker"
OWN_CREATES = ("ModelPackage", "Pipeline")
"""Kinds whose Create does more with a request than check and keep it."""
PIPELINE = b'{"Version": "2020-12-01", "Steps": [{"Name": "S", "Type": "Fail", "Arguments": {"ErrorMessage": "e"}}]}'
TESTS = Path(__file__).parents[1]


def all_examples() -> Iterator[tuple[str, dict[str, Any]]]:
    """``EXAMPLES`` of each module ``examples`` below ``tests/services``: an operation and a request."""
    for path in sorted((TESTS / "services").rglob("examples.py")):
        name = ".".join(("tests", *path.relative_to(TESTS).with_suffix("").parts))
        yield from importlib.import_module(name).EXAMPLES


def served(*verbs: str) -> list[str]:
    """The operations of SageMaker that work and begin with one of the verbs."""
    load_services()
    return [
        each.name for each in operations.all_operations() if each.service == SERVICE and each.name.startswith(verbs)
    ]


class Stage:
    """A server that does not serve: its stores and controllers, called in this process."""

    def __init__(self, directory: Path) -> None:
        settings = Settings(data_dir=directory / "data", cache_dir=directory / "cache", port=0, backend="plain")
        self.installation = Installation(settings)
        self.platform: Platform = self.installation._platform
        key = ensure_defaults(self.platform.resources, self.platform.credentials, settings)
        self.principal = Principal(key.principal, settings.account_id, key.access_key_id)
        self.reads: set[str] = set()
        resources = _Recording(self.platform.resources, self.reads)
        self.tools = dataclasses.replace(self.installation._tools, resources=resources)
        self.nouns = {noun.kind: noun for noun in all_nouns() if noun.service == SERVICE}

    def call(self, operation: str) -> Call:
        request = Request("POST", "/", "", "/", [], {}, BytesReader(b""))
        return Call(SERVICE, operation, "us-east-1", self.principal, "request", request, self.platform)

    def objects(self, request: dict[str, Any]) -> None:
        """An archive at each S3 URI of a request."""
        for uri in re.findall(r'"s3://([^"]*)"', json.dumps(request)):
            bucket, _, key = uri.partition("/")
            put = {"Bucket": bucket, "Key": key}
            if self.platform.objects.bucket(bucket) is None:
                self._s3("CreateBucket", {"Bucket": bucket})
            if not key.endswith("/"):
                self._s3("PutObject", {**put, "Body": BytesReader(archive({"requirements.txt": ""}))})
        if where := request.get("PipelineDefinitionS3Location"):
            put = {"Bucket": where["Bucket"], "Key": where["ObjectKey"]}
            self._s3("PutObject", {**put, "Body": BytesReader(PIPELINE)})

    def _s3(self, operation: str, request: dict[str, Any]) -> None:
        found = operations.find("s3", operation)
        assert found is not None
        found.handler(self.call(operation)._replace(service="s3"), request)

    def carry_out(self, operation: str, request: dict[str, Any]) -> None:
        """Make or change what the request says, and plan the work."""
        request = {name: self._arn(value) for name, value in request.items()}
        self.objects(request)
        recorded = Recorded(request, self.reads, f"{operation}:")
        noun = self.nouns.get(operation.removeprefix("Create"))
        if noun is None or noun.kind in OWN_CREATES:
            self._change(operation, recorded)
            return
        members_of(SERVICE, operation).check(request)
        noun.check(self.call(operation), request)
        unchecked = dataclasses.replace(noun, check=lambda _call, _request: None)
        made = unchecked.create(self.call(operation), recorded)
        if noun.controller is not None:
            self._plan(noun, self._recorded(made))

    def _arn(self, value: Any) -> Any:
        """``<Kind>`` is the ARN of the newest resource of a kind."""
        if not isinstance(value, str) or value[1:-1] not in self.nouns:
            return value
        (newest,) = self.platform.resources.list(self.principal.account, "us-east-1", value[1:-1], Query(limit=1))
        return newest.arn

    def _change(self, operation: str, request: Recorded) -> None:
        """An Update or the like, of something that stands."""
        for noun in self.nouns.values():
            if noun.lifecycle is not None and noun.lifecycle.name == "STANDING" and noun.kind in operation:
                for made in self.platform.resources.list(self.principal.account, "us-east-1", noun.kind):
                    assert self.platform.resources.lease("test", made.id, 60)
                    self.platform.resources.apply("test", made, Change(due=self.platform.clock.now(), phase="ready"))
        found = operations.find(SERVICE, operation)
        assert found is not None
        found.handler(self.call(operation), request)

    def _recorded(self, made: Resource) -> Resource:
        found = self.tools.resources.get(made.account, made.region, made.kind, made.name)
        assert found is not None
        return found

    def _plan(self, noun: Noun, resource: Resource) -> None:
        assert noun.controller is not None
        controller = noun.controller(self.tools)
        if isinstance(controller, RunController):
            run = controller._kind
            run.plan(resource, self.tools).workload(Path("/environment"))
            run.instances(resource.spec)
            run.finish(resource, self.tools, Outcome("succeeded", "", 1.0, 2.0, False, {}))
        elif isinstance(controller, DeploymentController):
            fleet = controller._kind
            for variant in fleet.plans(resource, fleet.snapshot(resource, self.tools), self.tools):
                variant.workload(Path("/environment"), "log")
        elif isinstance(controller, ParentController):
            parent = controller._kind
            facts = parent.observe(resource, (), self.tools)
            decided = parent.decide(resource._replace(phase="running"), Observed(resource.created, (), facts=facts))
            json.dumps([each.request for each in decided.orders if isinstance(each, Create)])
        else:
            raise TypeError(f"what {noun.kind} does with its spec cannot be recorded yet")

    def list(self, noun: Noun, operation: str, request: dict[str, Any]) -> Any:
        """Carry a List out."""
        recorded = Recorded(request, self.reads, f"{operation}:")
        return list_resources(noun, self.call(operation), recorded)


class _Recording(ResourceStore):
    """The store, with specs that note what is read of them."""

    def __init__(self, store: ResourceStore, reads: set[str]) -> None:
        self.__dict__.update(store.__dict__)
        self._reads = reads

    def get(self, account: str, region: str, kind: str, name: str) -> Resource | None:
        return self._recorded(super().get(account, region, kind, name))

    def by_arn(self, arn: str) -> Resource | None:
        return self._recorded(super().by_arn(arn))

    def _recorded(self, found: Resource | None) -> Resource | None:
        return found and found._replace(spec=Recorded(found.spec, self._reads, f"Create{found.kind}:"))
