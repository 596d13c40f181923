"""Lists: what a filter lets through and how it is ordered agrees with what Describe says of each resource."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.kit.examples import SERVICE, Stage, all_examples

from sagewright.bootstrap import load_services
from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import Noun, all_nouns
from sagewright.nouns.listing import list_resources
from sagewright.nouns.operations import find
from sagewright.nouns.verbs import wish
from sagewright.store.resources import Change
from sagewright.wire.models import input_shape

load_services()
NOUNS = {
    noun.kind: noun
    for noun in all_nouns()
    if noun.kind in ("TrainingJob", "ProcessingJob", "TransformJob", "Endpoint", "Model", "EndpointConfig")
}
"""Work, and what it is made of; what makes work has its own tests."""
ORDERED = [
    (kind, order) for kind in NOUNS for order in input_shape(SERVICE, f"List{kind}s").members["SortBy"].metadata["enum"]
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Resources of each kind in several phases, of which the engine knows nothing."""
    stage = Stage(tmp_path_factory.mktemp("listing"))
    examples = [(operation, request) for operation, request in all_examples() if operation.startswith("Create")]
    for operation, request in examples:
        stage.carry_out(operation, request)
    for operation, request in examples:
        noun = NOUNS.get(operation.removeprefix("Create"))
        if noun is not None and noun.lifecycle and request[noun.identity.member] == "example":
            _copies(stage, noun, request)
    return stage


def _copies(stage: Stage, noun: Noun, request: dict[str, Any]) -> None:
    for name, phase in {"b": "failed", "c": "ready", "a": "running"}.items():
        made = noun.create(stage.call(f"Create{noun.kind}"), {**request, noun.identity.member: name})
        leased = stage.platform.resources.lease("test", made.id, 60)
        assert leased is not None
        known = phase if phase in noun.words else "succeeded"
        assert stage.platform.resources.apply("test", leased, Change(due=None, phase=known))


def page(stage: Stage, noun: Noun, **request: Any) -> list[dict[str, Any]]:
    """All pages of a List, two resources in each."""
    found: list[dict[str, Any]] = []
    request["MaxResults"] = 2
    while True:
        answer = list_resources(noun, stage.call(f"List{noun.kind}s"), request)
        (items,) = [value for name, value in answer.items() if name != "NextToken"]
        found += items
        if "NextToken" not in answer:
            return found
        request["NextToken"] = answer["NextToken"]


def described(stage: Stage, noun: Noun, name: str) -> Any:
    operation = find(SERVICE, f"Describe{noun.kind}")
    assert operation is not None
    return operation.handler(stage.call(f"Describe{noun.kind}"), {noun.identity.member: name})


@pytest.mark.parametrize(("kind", "order"), ORDERED)
@pytest.mark.parametrize("direction", ["Ascending", "Descending"])
def test_every_order_of_the_model_is_kept_over_pages(stage: Stage, kind: str, order: str, direction: str) -> None:
    noun = NOUNS[kind]
    member = {"Name": noun.identity.member, "Status": noun.facts.status_member}.get(order, order)
    found = [each[member] for each in page(stage, noun, SortBy=order, SortOrder=direction)]
    assert found == sorted(found, reverse=direction == "Descending")
    assert len(found) == len(stage.platform.resources.list("123456789012", "us-east-1", kind))
    assert len(found) == 1 or len(set(found)) > 1


def test_an_order_that_is_not_known_is_refused(stage: Stage) -> None:
    with pytest.raises(ValidationException, match="SortBy Colour is not supported yet"):
        page(stage, NOUNS["Model"], SortBy="Colour")


@pytest.mark.parametrize("kind", [kind for kind, noun in NOUNS.items() if noun.words])
def test_a_status_filter_goes_by_what_describe_says(stage: Stage, kind: str) -> None:
    noun = NOUNS[kind]
    names = ["a", "b", "c", "example"]
    said = {name: described(stage, noun, name)[noun.facts.status_member] for name in names}
    assert len(set(said.values())) > 2
    for word in {*noun.words.values()}:
        found = {each[noun.identity.member] for each in page(stage, noun, StatusEquals=word)}
        assert found & said.keys() == {name for name, status in said.items() if status == word}


@pytest.mark.parametrize(
    ("kind", "verb", "word"), [("Endpoint", "gone", "Deleting"), ("ProcessingJob", "stopped", "Stopping")]
)
def test_a_wish_shows_at_once_in_describe_and_in_lists(tmp_path: Path, kind: str, verb: str, word: str) -> None:
    stage = Stage(tmp_path)
    for operation, request in all_examples():
        if operation.startswith("Create") and not operation.endswith(("TransformJob", "TrainingJob")):
            stage.carry_out(operation, request)
    noun = NOUNS[kind]
    before = described(stage, noun, "example")[noun.facts.status_member]
    wish(stage.call(""), noun.find(stage.call(""), "example"), verb)
    assert described(stage, noun, "example")[noun.facts.status_member] == word
    assert [each[noun.facts.status_member] for each in page(stage, noun, StatusEquals=word)] == [word]
    assert "example" not in [each[noun.identity.member] for each in page(stage, noun, StatusEquals=before)]


def test_a_wish_that_nobody_has_a_word_for_changes_nothing_that_is_shown(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for operation, request in all_examples():
        if operation in ("CreateProcessingJob",):
            stage.carry_out(operation, request)
    noun = NOUNS["ProcessingJob"]
    before = described(stage, noun, "example")["ProcessingJobStatus"]
    wish(stage.call(""), noun.find(stage.call(""), "example"), "painted:blue")
    assert described(stage, noun, "example")["ProcessingJobStatus"] == before
