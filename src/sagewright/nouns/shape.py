"""What botocore's model says of a kind, and where a kind departs from the rule. Both are settled when it is declared.

By rule, a kind's operations are its verb and name (``UpdateEndpoint``, ``ListCodeRepositories``), its answers have
``EndpointArn`` and ``EndpointStatus``, and a filter of its List names a member of its Describe. ``Shape`` says what is
different; a name in it that the model lacks, or a filter that nothing is known of, fails at import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias

from botocore.model import ListShape, OperationNotFoundError, StructureShape

from sagewright.nouns.members import members_of
from sagewright.nouns.operations import Call
from sagewright.store.resources import Resource
from sagewright.wire.models import input_shape, service_model

Passes: TypeAlias = Callable[[Resource], bool]
Choose: TypeAlias = Callable[[Call, Any], Passes]
"""From a filter's value, which resources it lets through: those linked to it, for one."""
Test = Literal["Equals", "Contains", "Prefix", "After", "Before"]
TESTS: tuple[Test, ...] = ("Equals", "Contains", "Prefix", "After", "Before")
VERBS = ("Create", "Describe", "Update", "Start", "Stop", "Delete")
_PAGING = frozenset(("NextToken", "MaxResults", "SortBy", "SortOrder"))
_TIMES = {
    "created": ("CreationTime", "Created", "CreatedAt", "CreateDate"),
    "modified": ("LastModifiedTime", "ModifiedTime", "LastModified", "LastUpdatedDate"),
}


class DeclarationError(ValueError):
    """A declaration says what botocore's model does not have, or does not say what it has to."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a kind's operations depart from the rule; what is empty follows it.

    ``arn`` and ``status`` are members of Describe's answer, ``listed_by`` is the List operation. ``summary`` maps
    members of a List's items to dotted paths in Describe's answer. ``filters`` maps members of the List's input to
    dotted paths, tested by how the member's name ends (``TESTS``), or to a function that tells what it lets through.
    ``order`` and ``ascending`` are the List's order when the request does not say one.
    """

    arn: str = ""
    status: str = ""
    listed_by: str = ""
    summary: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, str | Choose] = field(default_factory=dict)
    order: str = "CreationTime"
    ascending: bool = False


PLAIN = Shape()


class Filter(NamedTuple):
    """How a member of a List's input is matched: to a column of the store's ``Query``, a path, or by a function."""

    column: str = ""
    path: str = ""
    test: Test = "Equals"
    choose: Choose | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A kind's List operation. ``orders`` maps values of SortBy to a column, or to a path after a dot."""

    operation: str
    member: str
    shown: frozenset[str]
    summary: Mapping[str, str]
    specs: bool
    """Whether the items, the filters or the orders need what is in the spec."""
    filters: Mapping[str, Filter]
    orders: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a kind's operations are called and answer with. ``within`` is the member that holds all of Describe's."""

    operations: Mapping[str, str]
    arn_member: str
    status_member: str
    within: str
    described: frozenset[str]
    times: Mapping[str, str]
    """``created`` and ``modified`` as Describe's answer has them, where not CreationTime and LastModifiedTime."""
    listed: Listed | None

    @property
    def list_operation(self) -> str:
        """``ListTrainingJobs``; empty where the model has no List."""
        return self.listed.operation if self.listed else ""


@cache
def inputs(service: str, operation: str) -> frozenset[str]:
    """The members of an operation's input."""
    shape = service_model(service).operation_model(operation).input_shape
    return frozenset(shape.members if shape is not None else ())


@cache
def outputs(service: str, operation: str) -> frozenset[str]:
    """The members of an operation's answer."""
    shape = service_model(service).operation_model(operation).output_shape
    return frozenset(shape.members if shape is not None else ())


def describe_input(service: str, kind: str) -> StructureShape:
    """The input of a kind's Describe. Raises ``DeclarationError`` where there is none."""
    try:
        return input_shape(service, f"Describe{kind}")
    except OperationNotFoundError:
        raise DeclarationError(f"{kind}: {service} has no operation Describe{kind}") from None


def facts_of(service: str, kind: str, shape: Shape, *, words: bool, name: str) -> Facts:
    """What the model says of a kind. ``name`` is the member that the row's name is, empty for another identity.

    Raises ``DeclarationError`` that names what the model lacks.
    """
    known = set(service_model(service).operation_names)
    operations = {verb: f"{verb}{kind}" for verb in VERBS if f"{verb}{kind}" in known}
    describe_input(service, kind)
    output = service_model(service).operation_model(operations["Describe"]).output_shape
    assert isinstance(output, StructureShape)
    within = next(iter(output.members)) if len(output.members) == 1 else ""
    inner = output.members[within] if within else output
    assert isinstance(inner, StructureShape)
    described = frozenset(inner.members)
    created = sorted(outputs(service, operations["Create"])) if "Create" in operations else []
    arns = (f"{kind}Arn", *(each for each in created if each.endswith("Arn")), "Arn")
    plain = not shape.listed_by and (f"List{kind[:-1]}ies" if kind.endswith("y") else f"List{kind}s")
    operation = shape.listed_by or (plain if plain in known else "")
    facts = Facts(
        operations=operations,
        arn_member=_one(kind, "arn", shape.arn, arns, described),
        status_member=_one(kind, "status", shape.status, (f"{kind}Status", "Status"), described, needed=words),
        within=within,
        described=described,
        times={
            column: names
            for column, (usual, *others) in _TIMES.items()
            if usual not in described
            for names in others
            if names in described
        },
        listed=None,
    )
    if not operation:
        return facts
    if operation not in known:
        raise DeclarationError(f"{kind}: {service} has no operation {operation}")
    return _with_list(facts, _Kind(service, kind, shape, words, name), operation)


class _Kind(NamedTuple):
    service: str
    kind: str
    shape: Shape
    words: bool
    name: str


def _one(kind: str, what: str, said: str, rule: Collection[str], known: Collection[str], *, needed: bool = True) -> str:
    """What is said, or the first of the rule's names that the model has."""
    for each in (said,) if said else rule:
        if each in known:
            return each
    if said or needed:
        raise DeclarationError(
            f"{kind}: Describe answers with none of {', '.join((said,) if said else rule)}: Shape({what}=…)"
        )
    return ""


def _with_list(facts: Facts, of: _Kind, operation: str) -> Facts:
    output = service_model(of.service).operation_model(operation).output_shape
    assert isinstance(output, StructureShape)
    member, item = next(
        (name, shape.member)
        for name, shape in output.members.items()
        if isinstance(shape, ListShape) and isinstance(shape.member, StructureShape)
    )
    lacking = [each for each in item.required_members if each not in facts.described and each not in of.shape.summary]
    strange = [each for each in of.shape.summary if each not in item.members]
    strange += [path for path in of.shape.summary.values() if path.partition(".")[0] not in facts.described]
    filters = {
        each: _filter(facts, of, operation, each)
        for each in sorted(inputs(of.service, operation) - _PAGING - _in_the_table(of.service, operation))
    }
    for name in (*lacking, *strange):
        raise DeclarationError(f"{of.kind}: {operation} shows {name}, which Describe lacks: Shape(summary=…)")
    for name in of.shape.filters:
        if name not in filters:
            raise DeclarationError(f"{of.kind}: {operation} has no filter {name}")
    specs = facts.operations.get("Create", "")
    stored = (inputs(of.service, specs) if specs else facts.described) - {of.name}
    listed = Listed(
        operation=operation,
        member=member,
        shown=frozenset(item.members) - of.shape.summary.keys(),
        summary=of.shape.summary,
        specs=bool(of.shape.summary) or not stored.isdisjoint(item.members),
        filters=filters,
        orders=_orders(facts, of, operation),
    )
    return replace(facts, listed=listed)


def _in_the_table(service: str, operation: str) -> frozenset[str]:
    """Members whose values an area's ``members.toml`` refuses, or says to be without effect."""
    rows = members_of(service, operation)
    return frozenset(row.partition("=")[0] for row in (*rows.refused, *rows.harmless))


def _filter(facts: Facts, of: _Kind, operation: str, member: str) -> Filter:
    """How a member is matched: as the declaration says, to a column, or to a member of Describe's answer."""
    said = of.shape.filters.get(member)
    subject, test = _taken_apart(member)
    found = _column(facts, of, subject, test)
    if callable(said):
        found = Filter(choose=said)
    elif said is not None:
        if said.partition(".")[0] not in facts.described:
            raise DeclarationError(f"{of.kind}: the filter {member} is on {said}, which Describe lacks")
        found = Filter(path=said, test=test)
    elif found is None:
        names = (each for each in (subject, f"{of.kind}{subject}") if each in facts.described)
        found = next((Filter(path=name, test=test) for name in names), None)
    if found is None:
        raise DeclarationError(f"{of.kind}: nothing is known of {operation}'s {member}: Shape(filters=…), or refuse it")
    return found


def _column(facts: Facts, of: _Kind, subject: str, test: Test) -> Filter | None:
    """The column of the store that a filter is on."""
    if test in ("After", "Before"):
        columns = [column for column, names in _TIMES.items() if subject in names]
        return Filter(f"{columns[0]}_{test.lower()}") if columns else None
    if test == "Contains":
        return Filter("name_contains") if of.name and subject in ("Name", of.name, f"{of.kind}Name") else None
    if test == "Equals" and of.words and subject in ("Status", f"{of.kind}Status", facts.status_member):
        return Filter("shown")
    return None


def _taken_apart(member: str) -> tuple[str, Test]:
    """``ModelNameContains`` → ``ModelName`` and ``Contains``."""
    for test in TESTS:
        if member.endswith(test) and member != test:
            return member.removesuffix(test), test
    return member, "Equals"


def _orders(facts: Facts, of: _Kind, operation: str) -> Mapping[str, str]:
    shape = service_model(of.service).operation_model(operation).input_shape
    member = shape.members.get("SortBy") if shape is not None else None
    values = {of.shape.order, *(member.metadata.get("enum", ()) if member is not None else ())}
    found = {value: _order(facts, of, value) for value in values}
    if not found[of.shape.order]:
        raise DeclarationError(f"{of.kind}: {operation} has no order {of.shape.order}")
    return {value: order for value, order in found.items() if order}


def _order(facts: Facts, of: _Kind, value: str) -> str:
    """The column or path of an order; empty where there is none, so that it is refused."""
    plain = re.sub("[_ ]", "", value).lower()
    for column, names in _TIMES.items():
        if plain in (each.lower() for each in names):
            return column
    if plain in ("status", f"{of.kind}status".lower()):
        return "shown" if of.words else f".{facts.status_member}" if facts.status_member else ""
    if of.name and plain in ("name", of.name.lower(), f"{of.kind}name".lower()):
        return "name"
    by_name = {each.lower(): each for each in facts.described}
    for name in (plain, f"{of.kind}{plain}".lower()):
        if name in by_name:
            return f".{by_name[name]}"
    return ""
