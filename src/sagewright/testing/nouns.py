"""What every noun promises. Subclass ``NounCase``, give an example of a Create, and pytest checks it::

class TestCodeRepository(NounCase):
    kind = "CodeRepository"
    example = {"CodeRepositoryName": "example", "GitConfig": {"RepositoryUrl": "https://git.example.com/a.git"}}
    update = {"GitConfig": {"SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:s-AbCdEf"}}

It asks for the fixture ``client``: ``client("sagemaker")`` is a boto3 client of a server.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagewright.bootstrap import load_services
from sagewright.nouns.declaration import Noun, all_nouns
from sagewright.nouns.identity import Given, Numbered
from sagewright.nouns.listing import values_at
from sagewright.nouns.shape import Filter
from sagewright.wire.models import input_shape, output_shape
from sagewright.wire.validation import violations

Request = dict[str, Any]
Client = Callable[..., Any]


class NounCase:
    """The promises of a noun without a lifecycle; one that works has the tests of its work besides.

    ``example`` is a valid Create; where callers give the name, each test gives its own. ``update`` are members of an
    Update. ``filters`` has for a List's filter a value that lets the example through and one that does not, where they
    cannot be read off Describe. ``prepare`` makes what the example speaks of.
    """

    kind: ClassVar[str]
    example: ClassVar[Request]
    update: ClassVar[Request] = {}
    filters: ClassVar[Mapping[str, tuple[Any, Any]]] = {}

    def prepare(self, client: Client) -> None:
        """Make what the example speaks of, unless it is there."""

    @pytest.fixture
    def noun(self) -> Noun:
        load_services()
        return next(each for each in all_nouns() if each.kind == self.kind)

    @pytest.fixture
    def api(self, client: Client, noun: Noun) -> _Api:
        self.prepare(client)
        return _Api(client, noun, self.example)

    def test_describe_shows_what_was_created(self, api: _Api) -> None:
        request, answer = api.create()
        described = api.describe(request, answer)
        assert described[api.noun.facts.arn_member] == api.arn(answer)
        assert api.noun.path.split("{")[0] in api.arn(answer)
        known = {name: value for name, value in request.items() if name in api.noun.facts.described}
        assert lacks(described, known) == []

    def test_what_is_named_by_its_callers_is_created_once(self, api: _Api) -> None:
        request, answer = api.create()
        if not isinstance(api.noun.identity, Given):
            assert api.arn(api.create()[1]) != api.arn(answer)
            return
        before = api.describe(request, answer)
        refused = api.refused("Create", {**request, "Tags": [{"Key": "other", "Value": "x"}]} if api.tags else request)
        assert api.arn(answer) in refused
        assert api.describe(request, answer) == before

    def test_what_is_not_there_is_missing_for_every_verb(self, api: _Api) -> None:
        request, answer = api.create()
        naming = api.naming(request, answer)
        api.call("Delete", naming)
        for verb in api.noun.facts.operations.keys() - {"Create"}:
            assert api.refused(verb, {**naming, **(self.update if verb == "Update" else {})})

    def test_each_filter_lets_through_what_describe_says(self, api: _Api) -> None:
        request, answer = api.create()
        listed = api.noun.facts.listed
        for name, filter_ in listed.filters.items() if listed else ():
            inside, outside = self.filters.get(name) or api.values(name, filter_, api.describe(request, answer))
            assert api.arn(answer) in api.list(**{name: inside}), name
            assert api.arn(answer) not in api.list(**{name: outside}), name

    def test_each_order_is_kept_over_pages(self, api: _Api) -> None:
        made = [api.arn(api.create()[1]) for _ in range(3)]
        listed = api.noun.facts.listed
        shape = input_shape(api.noun.service, listed.operation).members if listed else {}
        for order in shape["SortBy"].metadata["enum"] if "SortBy" in shape else ():
            up, down = (
                [each for each in api.list(SortBy=order, SortOrder=direction, MaxResults=2) if each in made]
                for direction in shape["SortOrder"].metadata["enum"]
            )
            assert up == down[::-1], order
            assert sorted(up) == sorted(made), order

    def test_tags_are_listed_added_and_taken_off(self, api: _Api) -> None:
        if not api.tags:
            pytest.skip("the Create has no Tags")
        _, answer = api.create(Tags=[{"Key": "a", "Value": "1"}])
        arn = api.arn(answer)
        api.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
        api.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
        assert api.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]

    def test_an_update_shows_in_describe(self, api: _Api) -> None:
        if "Update" not in api.noun.facts.operations:
            pytest.skip("the model has no Update")
        request, answer = api.create()
        before = api.describe(request, answer)
        api.call("Update", {**api.naming(request, answer), **self.update})
        after = api.describe(request, answer)
        known = {name: value for name, value in self.update.items() if name in api.noun.facts.described}
        assert known
        assert lacks(after, known) == []
        assert before.keys() <= after.keys()

    def test_what_is_deleted_is_gone_with_its_tags_and_its_name_is_free(self, api: _Api) -> None:
        request, answer = api.create()
        api.call("Delete", api.naming(request, answer))
        assert api.refused("Describe", api.naming(request, answer))
        if api.noun.facts.listed:
            assert api.arn(answer) not in api.list()
        with pytest.raises(ClientError):
            api.sagemaker.list_tags(ResourceArn=api.arn(answer))
        if isinstance(api.noun.identity, Given):
            assert api.arn(api.call("Create", request)) == api.arn(answer)

    def test_search_finds_it(self, api: _Api) -> None:
        results = output_shape("sagemaker", "Search").members["Results"].member  # type: ignore[attr-defined]
        if self.kind not in results.members:
            pytest.skip("Search has no such kind")
        _, answer = api.create()
        sought = {"Name": api.noun.facts.arn_member, "Operator": "Equals", "Value": api.arn(answer)}
        found = api.sagemaker.search(Resource=self.kind, SearchExpression={"Filters": [sought]})["Results"]
        assert len(found) == 1
        assert api.arn(answer) in str(found[0][self.kind])

    def test_what_breaks_the_model_is_refused_and_stores_nothing(self, api: _Api) -> None:
        request = api.fresh()
        shape = input_shape(api.noun.service, api.noun.facts.operations["Create"])
        before = api.list() if api.noun.facts.listed else []
        wrong = [each for each in broken(shape, request) if violations(shape, each)]
        assert wrong
        for each in wrong:
            assert "failed to satisfy constraint" in api.refused("Create", each), each
        assert (api.list() if api.noun.facts.listed else []) == before


class _Api:
    """One noun's operations, called by verb."""

    def __init__(self, client: Client, noun: Noun, example: Request) -> None:
        self.noun = noun
        self.sagemaker = client(noun.service, config=Config(parameter_validation=False))
        self._example = example
        self.tags = "Tags" in self._inputs("Create")

    def _inputs(self, verb: str) -> Mapping[str, Shape]:
        return input_shape(self.noun.service, self.noun.facts.operations[verb]).members

    def call(self, verb: str, request: Request) -> Request:
        operation = self.noun.facts.listed.operation if verb == "List" and self.noun.facts.listed else ""
        name = xform_name(operation or self.noun.facts.operations[verb])
        answer: Request = getattr(self.sagemaker, name)(**request)
        answer.pop("ResponseMetadata")
        return answer

    def refused(self, verb: str, request: Request) -> str:
        """The message of the error, which is the caller's fault."""
        with pytest.raises(ClientError) as refusal:
            self.call(verb, request)
        assert 400 <= refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500, refusal.value
        return str(refusal.value.response["Error"]["Message"])

    def fresh(self) -> Request:
        """The example, with a name that nobody has."""
        request = copy.deepcopy(self._example)
        if isinstance(self.noun.identity, Given):
            request[self.noun.identity.member] = f"case-{uuid.uuid4().hex[:20]}"
        return request

    def create(self, **more: Any) -> tuple[Request, Request]:
        request = {**self.fresh(), **more}
        return request, self.call("Create", request)

    def arn(self, answer: Request) -> str:
        return str(next(value for name, value in answer.items() if name.endswith("Arn")))

    def naming(self, request: Request, answer: Request) -> Request:
        """The members of a request about what was created."""
        identity = self.noun.identity
        if isinstance(identity, Numbered):
            return {identity.alone: self.arn(answer)} if identity.alone else {**self._numbered(identity, answer)}
        known = {**request, **answer}
        return {name: known[name] for name in identity.members if name in known}

    def _numbered(self, identity: Numbered, answer: Request) -> Request:
        *_, parent, number = self.arn(answer).split("/")
        return {identity.under: parent, identity.number: int(number)}

    def describe(self, request: Request, answer: Request) -> Request:
        described = self.call("Describe", self.naming(request, answer))
        within: Request = described[self.noun.facts.within] if self.noun.facts.within else described
        return within

    def list(self, **request: Any) -> list[str]:
        """The ARNs of all pages."""
        assert self.noun.facts.listed is not None
        found: list[str] = []
        while True:
            answer = self.call("List", request)
            for item in answer[self.noun.facts.listed.member]:
                names = [name for name in item if name.endswith(self.noun.facts.arn_member)] or ["Arn"]
                found.append(item[names[0]])
            if "NextToken" not in answer:
                return found
            request["NextToken"] = answer["NextToken"]

    def values(self, name: str, filter_: Filter, described: Request) -> tuple[Any, Any]:
        """A value of a filter that lets what is described through, and one that does not."""
        if filter_.column == "name_contains":
            return described[self.noun.identity.member][2:], uuid.uuid4().hex
        if filter_.column.startswith(("created_", "modified_")):
            times = {"created": "CreationTime", "modified": "LastModifiedTime"} | dict(self.noun.facts.times)
            column = filter_.column.partition("_")[0]
            return self._around(described[times[column]], filter_.column.endswith("after"))
        assert filter_.choose is None, f"say in filters what {name} lets through"
        path = self.noun.facts.status_member if filter_.column else filter_.path
        value = next(values_at(described, path), None)
        assert value is not None, f"the example has no {path} to filter by"
        if isinstance(value, datetime):
            return self._around(value, filter_.test == "After")
        assert self.noun.facts.listed is not None
        shape = input_shape(self.noun.service, self.noun.facts.listed.operation).members[name]
        others = [each for each in shape.metadata.get("enum", ()) if each != value]
        return value, others[0] if others else f"{value}x"

    def _around(self, moment: datetime, after: bool) -> tuple[datetime, datetime]:
        second = timedelta(seconds=2)
        return (moment - second, moment + second) if after else (moment + second, moment - second)


def lacks(document: Any, wanted: Any, path: str = "") -> list[str]:
    """Where a document differs from what is wanted of it; what it has besides is no difference."""
    if isinstance(document, dict) and isinstance(wanted, dict):
        return [each for name in wanted for each in lacks(document.get(name), wanted[name], f"{path}.{name}")]
    if isinstance(document, list) and isinstance(wanted, list) and len(document) == len(wanted):
        pairs = enumerate(zip(document, wanted, strict=True))
        return [each for number, pair in pairs for each in lacks(*pair, f"{path}[{number}]")]
    return [] if document == wanted else [path]


def broken(shape: Shape, value: Any) -> Iterator[Any]:
    """The value with one thing wrong: a required member left out, a text or number that the model does not allow."""
    if isinstance(value, dict):
        for name in shape.required_members if isinstance(shape, StructureShape) else ():
            member = _inner(shape, name)
            if member is None or "idempotencyToken" not in member.metadata:  # boto3 adds one
                yield {key: each for key, each in value.items() if key != name}
        for name, each in value.items():
            inner = _inner(shape, name)
            yield from ({**value, name: wrong} for wrong in broken(inner, each)) if inner is not None else ()
    elif isinstance(shape, ListShape):
        for number, each in enumerate(value):
            yield from ([*value[:number], wrong, *value[number + 1 :]] for wrong in broken(shape.member, each))
        yield value[:1] * (min(shape.metadata.get("max", 0), 1000) + 1)
    elif isinstance(value, str):
        yield from ("", "\N{SNOWMAN} !", "x" * (min(shape.metadata.get("max", 1), 100_000) + 1))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from (shape.metadata.get("min", 0) - 1, shape.metadata.get("max", 0) + 1)


def _inner(shape: Shape, name: str) -> Shape | None:
    if isinstance(shape, MapShape):
        return shape.value
    return shape.members.get(name) if isinstance(shape, StructureShape) else None
