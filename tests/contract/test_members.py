"""Nothing is accepted and ignored: each path of a request is read, refused, harmless, or stored for a coming operation.

What is read is noted while the examples are carried out (``tests/kit/examples.py``); the rest stands in the tables
``members.toml`` (``sagewright/nouns/members.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import ListShape, Shape, StructureShape
from tests.contract.bad_input.samples import sample
from tests.kit.examples import SERVICE, Stage, all_examples, served
from tests.kit.recording import members_read

from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import all_nouns
from sagewright.nouns.listing import token_of
from sagewright.nouns.members import all_members, members_of
from sagewright.nouns.operations import find
from sagewright.wire.models import input_shape, output_shape

OPERATIONS = served("Create", "Update", "Start")
OPERATIONS += [noun.facts.list_operation for noun in all_nouns() if noun.service == SERVICE]


def leaves(shape: Shape, path: str = "", within: tuple[str, ...] = ()) -> Iterator[tuple[str, Shape]]:
    """Each path down to what is no structure; a shape within itself is not followed again."""
    if isinstance(shape, ListShape):
        yield from leaves(shape.member, f"{path}[]", within)
    elif isinstance(shape, StructureShape) and shape.members and shape.name not in within:
        for name, member in shape.members.items():
            yield from leaves(member, f"{path}.{name}" if path else name, (*within, shape.name))
    else:
        yield path, shape


def covers(row: str, path: str) -> bool:
    """Whether a row's path is the path, or lies above it."""
    return path == row or path.startswith((f"{row}.", f"{row}[]"))


def left(path: str, shape: Shape, refused: Any) -> bool:
    """Whether a value of the member other than absent, false and its one default is accepted."""
    values: set[str] = set()
    for row in refused:
        name, _, some = row.partition("=")
        if covers(name, path) and not some:
            return False
        values |= set(some.split("|")) if name == path else set()
    if shape.type_name == "boolean":
        return values != {"true"}
    return len(set(shape.metadata.get("enum", ())) - values) != 1 if values else True


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    stage = Stage(tmp_path_factory.mktemp("members"))
    for operation, request in all_examples():
        stage.carry_out(operation, request)
    names = {"NextToken": token_of(0.0, "x")}
    for noun in stage.nouns.values():
        operation = noun.facts.list_operation
        request = {
            name: sample(member, name, names)
            for name, member in input_shape(SERVICE, operation).members.items()
            if left(name, member, members_of(SERVICE, operation).refused)
        }
        listed = noun.facts.listed
        if listed is not None and listed.orders[request.get("SortBy", noun.shape.order)].startswith("."):
            request["NextToken"] = token_of(0, 0.0, "", "x")  # the order is by what lies at a path
        stage.list(noun, operation, request)
    return stage


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_member_of_a_request_is_read_or_stands_in_the_table(stage: Stage, operation: str) -> None:
    table = members_of(SERVICE, operation)
    read = {path.replace("[]", "") for path in members_read(operation, stage.reads)}
    rows = {**table.harmless, **table.logged, **table.shown, **table.stored}
    ignored, both = [], []
    for path, shape in leaves(input_shape(SERVICE, operation)):
        listed_as = [row for row in rows if covers(row, path)]
        was_read = path.replace("[]", "") in read
        if not was_read and not listed_as and left(path, shape, table.refused):
            ignored.append(path)
        if was_read and listed_as:
            both.append(path)
    assert not ignored, f"{operation} accepts these, and no code reads them when the examples are carried out"
    assert not both, f"{operation}: code reads these, so they are not without effect as the table has it"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_row_is_of_the_model(operation: str) -> None:
    """A row that names nothing is a slip, or was overtaken by the model."""
    table, paths = members_of(SERVICE, operation), dict(leaves(input_shape(SERVICE, operation)))
    for row in (*table.refused, *table.harmless, *table.logged, *table.stored):
        name, _, values = row.partition("=")
        assert any(covers(name, path) for path in paths), f"{operation} has no member {name}"
        if values:
            known = {"true"} if paths[name].type_name == "boolean" else set(paths[name].metadata["enum"])
            assert set(values.split("|")) <= known, row


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_stored_is_stored_for_an_operation_that_does_not_work_yet(operation: str) -> None:
    """Once the operation works, it has to read what was stored for it."""
    for member, reader in members_of(SERVICE, operation).stored.items():
        assert input_shape(SERVICE, reader) is not None
        assert find(SERVICE, reader) is None, f"{reader} works now: {operation}'s {member} has to be read"


REFUSED = [(name, row) for name in OPERATIONS for row in members_of(SERVICE, name).refused]


@pytest.mark.parametrize(("operation", "row"), REFUSED)
def test_what_is_refused_is_named(operation: str, row: str) -> None:
    path, _, values = row.partition("=")
    for value in values.split("|") if values else ["x"]:
        request: Any = True if value == "true" else value
        for part in reversed(path.split(".")):
            request = {part.removesuffix("[]"): [request] if part.endswith("[]") else request}
        with pytest.raises(ValidationException, match="is not supported yet") as refusal:
            members_of(SERVICE, operation).check(request)
        assert path.replace("[]", "[0]").removesuffix("[0]") in refusal.value.message
        assert value in refusal.value.message or value in ("x", "true")


@pytest.mark.parametrize("operation", [name for name, table in all_members() if table.shown])
def test_what_a_table_calls_shown_is_in_the_answer_of_describe(operation: str) -> None:
    noun = next(each for each in all_nouns() if operation in each.facts.operations.values())
    answer = leaves(output_shape(SERVICE, noun.facts.operations["Describe"]))
    described = {path.removeprefix(f"{noun.facts.within}.") for path, _ in answer}
    for row in members_of(SERVICE, operation).shown:
        entry = row.replace("ToAdd[]", "[]")  # by AWS's names, an update adds to what Describe shows
        assert any(covers(entry, path) for path in described), f"Describe{noun.kind} does not answer with {row}"
