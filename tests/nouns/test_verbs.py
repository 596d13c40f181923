"""The verbs that every noun has: what they refuse, and that a noun gets those that the model has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.kit.examples import Stage, all_examples, served

from sagewright.core import Json
from sagewright.core.errors import AwsError, ResourceInUse, ValidationException
from sagewright.engine.lifecycle import STANDING
from sagewright.nouns import declaration, operations
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.operations import Call, find
from sagewright.nouns.shape import DeclarationError, Shape
from sagewright.nouns.verbs import declare
from sagewright.store.resources import Change, Resource


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A processing job that waits, and a model."""
    stage = Stage(tmp_path)
    for operation, request in all_examples():
        if operation == "CreateProcessingJob" or (request.get("ModelName") == "example" and operation == "CreateModel"):
            stage.carry_out(operation, request)
    return stage


def ask(stage: Stage, operation: str, **request: str) -> object:
    found = find("sagemaker", operation)
    assert found is not None
    return found.handler(stage.call(operation), request)


def move(stage: Stage, phase: str, due: float | None) -> None:
    resources = stage.platform.resources
    made = resources.get("123456789012", "us-east-1", "ProcessingJob", "example")
    assert made is not None
    leased = resources.lease("test", made.id, 60)
    assert leased is not None
    resources.apply("test", leased, Change(due=due, phase=phase))


def test_a_noun_has_the_verbs_of_its_lifecycle() -> None:
    assert [name for name in served("") if name.endswith("EndpointConfig")] == [
        "CreateEndpointConfig",
        "DeleteEndpointConfig",
        "DescribeEndpointConfig",
    ]
    assert [name for name in served("") if name.endswith("ProcessingJob")] == [
        "CreateProcessingJob",
        "DeleteProcessingJob",
        "DescribeProcessingJob",
        "StopProcessingJob",
    ]


def test_work_is_deleted_only_when_it_has_ended_and_is_cleaned_up(stage: Stage) -> None:
    with pytest.raises(AwsError, match="is in status InProgress: stop it") as refused:
        ask(stage, "DeleteProcessingJob", ProcessingJobName="example")
    assert refused.value.code == "ResourceInUse"
    move(stage, "succeeded", due=stage.platform.clock.now())
    with pytest.raises(AwsError, match="is in status Completed"):
        ask(stage, "DeleteProcessingJob", ProcessingJobName="example")
    move(stage, "succeeded", due=None)
    ask(stage, "DeleteProcessingJob", ProcessingJobName="example")
    with pytest.raises(AwsError, match="Requested resource not found"):
        ask(stage, "DescribeProcessingJob", ProcessingJobName="example")


def test_what_has_ended_is_not_stopped_again(stage: Stage) -> None:
    ask(stage, "StopProcessingJob", ProcessingJobName="example")
    ask(stage, "StopProcessingJob", ProcessingJobName="example")
    move(stage, "stopped", due=None)
    with pytest.raises(AwsError, match="the processing job is in status Stopped"):
        ask(stage, "StopProcessingJob", ProcessingJobName="example")


def test_what_does_not_work_is_deleted_at_once_and_its_tags_with_it(stage: Stage) -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model/example"
    assert stage.platform.tags.of(arn) == {"k": "v"}
    ask(stage, "DeleteModel", ModelName="example")
    assert stage.platform.tags.of(arn) == {}
    with pytest.raises(AwsError, match=f'Could not find model "{arn}"'):
        ask(stage, "DeleteModel", ModelName="example")


Declare = Callable[..., Noun]


@pytest.fixture
def new(monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Declares a noun for one test."""
    monkeypatch.setattr(declaration, "_nouns", {})
    monkeypatch.setattr(operations, "_operations", {})

    def make(kind: str, own: tuple[str, ...] = (), **said: Any) -> Noun:
        words = {"taken": Refusal("{arn} is taken."), "missing": Refusal("{arn} is missing.")}
        return declare(Noun(kind=kind, path=f"{kind.lower()}/{{name}}", **words, **said), own=own)  # type: ignore[arg-type]

    return make


NOTEBOOK: dict[str, Any] = {
    "lifecycle": STANDING,
    "words": {
        "pending": "Pending",
        "starting": "Pending",
        "ready": "InService",
        "stopping": "Stopping",
        "stopped": "Stopped",
        "deleting": "Deleting",
        "failed": "Failed",
    },
    "shape": Shape(
        filters={
            "NotebookInstanceLifecycleConfigNameContains": "NotebookInstanceLifecycleConfigName",
            "DefaultCodeRepositoryContains": "DefaultCodeRepository",
            "AdditionalCodeRepositoryEquals": "AdditionalCodeRepositories",
        }
    ),
}


def test_what_stays_is_started_and_stopped_where_its_status_allows_it(stage: Stage, new: Declare) -> None:
    noun = new("NotebookInstance", **NOTEBOOK)
    ask(stage, "CreateNotebookInstance", NotebookInstanceName="n", InstanceType="ml.t3.medium", RoleArn="r")

    def status() -> str:
        return noun.word(noun.find(stage.call(""), "n"))

    def become(phase: str) -> None:
        resources = stage.platform.resources
        with contextlib.suppress(AssertionError):
            resources.update(noun.find(stage.call(""), "n"), due=stage.platform.clock.now())
        leased = resources.lease("test", noun.find(stage.call(""), "n").id, 60)
        assert leased is not None
        resources.apply("test", leased, Change(due=None, phase=phase, run={"granted": leased.wish}))

    def refused(verb: str) -> bool:
        with pytest.raises(ValidationException, match=f"is {status()}, which does not allow this"):
            ask(stage, f"{verb}NotebookInstance", NotebookInstanceName="n")
        return True

    assert refused("Start")
    assert refused("Stop")
    become("ready")
    assert refused("Start")
    assert ask(stage, "StopNotebookInstance", NotebookInstanceName="n") is None
    assert status() == "Stopping"
    assert refused("Stop")
    become("stopped")
    ask(stage, "StartNotebookInstance", NotebookInstanceName="n")
    assert status() == "Pending"
    become("ready")
    ask(stage, "DeleteNotebookInstance", NotebookInstanceName="n")
    assert status() == "Deleting"
    assert find("sagemaker", "UpdateNotebookInstance") is None  # what changes about work is the noun's to say


def test_an_update_of_what_is_stored_replaces_the_members_it_has(stage: Stage, new: Declare) -> None:
    new("AppImageConfig")
    kernels: Any = {"KernelSpecs": [{"Name": "python3"}]}
    create, update = find("sagemaker", "CreateAppImageConfig"), find("sagemaker", "UpdateAppImageConfig")
    assert create is not None
    assert update is not None
    create.handler(stage.call(""), {"AppImageConfigName": "a", "JupyterLabAppImageConfig": {}})
    answer = update.handler(stage.call(""), {"AppImageConfigName": "a", "KernelGatewayImageConfig": kernels})
    arn = "arn:aws:sagemaker:us-east-1:123456789012:appimageconfig/a"
    assert answer == {"AppImageConfigArn": arn}
    described: Any = ask(stage, "DescribeAppImageConfig", AppImageConfigName="a")
    assert described["KernelGatewayImageConfig"] == kernels
    assert described["JupyterLabAppImageConfig"] == {}
    assert described["LastModifiedTime"] >= described["CreationTime"]


def test_updates_at_the_same_time_all_count(stage: Stage, new: Declare) -> None:
    def updated(_call: Call, resource: Resource, request: Json) -> Json:
        return {**resource.spec, "Tags": {**resource.spec.get("Tags", {}), **request["Tags"]}}

    noun = new("AppImageConfig", updated=updated)
    ask(stage, "CreateAppImageConfig", AppImageConfigName="a")
    update = find("sagemaker", "UpdateAppImageConfig")
    assert update is not None

    def send(number: int) -> None:
        for _ in range(20):
            with contextlib.suppress(ResourceInUse):
                update.handler(stage.call(""), {"AppImageConfigName": "a", "Tags": {str(number): 1}})
                return

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, range(20)))
    assert len(noun.find(stage.call(""), "a").spec["Tags"]) == 20


def test_an_answer_holds_what_the_model_has_within_another_member(stage: Stage, new: Declare) -> None:
    new("Workteam", updated=lambda _call, resource, request: {**resource.spec, "Description": request["Description"]})
    created = ask(stage, "CreateWorkteam", WorkteamName="w", Description="one")
    assert created == {"WorkteamArn": "arn:aws:sagemaker:us-east-1:123456789012:workteam/w"}
    updated: Any = ask(stage, "UpdateWorkteam", WorkteamName="w", Description="two")
    described: Any = ask(stage, "DescribeWorkteam", WorkteamName="w")
    assert updated == described
    assert described["Workteam"]["Description"] == "two"
    assert described["Workteam"].keys() == {
        "WorkteamName",
        "WorkteamArn",
        "Description",
        "CreateDate",
        "LastUpdatedDate",
    }


def test_what_has_to_stay_is_not_deleted(stage: Stage, new: Declare) -> None:
    def stays(_call: Call, resource: Resource, _request: Json) -> None:
        raise ValidationException(f"{resource.name} is in use.")

    noun = new("Experiment", before_delete=stays, shape=Shape())
    ask(stage, "CreateExperiment", ExperimentName="e")
    with pytest.raises(ValidationException, match="e is in use"):
        ask(stage, "DeleteExperiment", ExperimentName="e")
    assert noun.find(stage.call(""), "e").name == "e"


def test_a_delete_answers_with_what_was_there(stage: Stage, new: Declare) -> None:
    new("Experiment")
    created = ask(stage, "CreateExperiment", ExperimentName="e")
    assert ask(stage, "DeleteExperiment", ExperimentName="e") == created


def test_an_update_that_is_no_spec_needs_a_word(new: Declare) -> None:
    with pytest.raises(DeclarationError, match="Action: Update's PropertiesToRemove is no member of Create"):
        new("Action", shape=Shape(filters={"SourceUri": "Source.SourceUri"}))


def test_a_verb_may_be_the_nouns_own(new: Declare) -> None:
    new("Experiment", own=("Delete", "List", "Update"))
    assert [each.name for each in operations.all_operations()] == ["CreateExperiment", "DescribeExperiment"]
