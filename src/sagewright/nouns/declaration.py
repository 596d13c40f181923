"""Nouns: from a short declaration and botocore's model come create, describe, list, stop and delete.

Measured on the model: a Describe is almost always the Create's input, some status words and times; a List is a
projection of it with the same dozen filters. So a noun's file says only what is its own: what its ARN looks like, which
words its phases have, which requests make no sense, and (for nouns that work) what to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sagewright.core import Json
from sagewright.core.arns import Arn
from sagewright.core.errors import AwsError, ValidationException
from sagewright.engine.lifecycle import Lifecycle
from sagewright.engine.reconciler import Controller
from sagewright.engine.tools import Tools
from sagewright.nouns.identity import BY_RULE, Given, Identity
from sagewright.nouns.operations import Call
from sagewright.nouns.shape import PLAIN, DeclarationError, Facts, Shape, describe_input, facts_of, inputs
from sagewright.nouns.tags import tag_set
from sagewright.store.events import Event
from sagewright.store.resources import AlreadyExists, Change, Resource
from sagewright.wire.models import service_model


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error AWS answers with; ``text`` may use {name}, {arn} and {status}. SDKs match on these words."""

    text: str
    error: type[AwsError] = ValidationException

    def of(self, **words: str) -> AwsError:
        """The error, ready to raise."""
        return self.error(self.text.format(**words))


def _accept(_call: Call, _request: Json) -> None:
    """A noun without checks of its own."""


def _allow(_call: Call, _resource: Resource, _request: Json) -> None:
    """A noun whose resources may be deleted at any time."""


def _nothing(_call: Call, _resource: Resource) -> Json:
    """A noun whose Describe adds nothing."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Named:
    """What a kind is called in botocore's model, and who its resources are.

    ``path`` is the ARN's resource with {name} in it, the row's one name. ``identity`` by rule is the name that the
    caller gives; ``shape`` says where answers and lists depart from the rule.
    """

    kind: str
    path: str
    service: str = "sagemaker"
    identity: Identity = BY_RULE
    shape: Shape = PLAIN

    def __post_init__(self) -> None:
        """By rule, the one required member of Describe's input is the name."""
        if self.identity == BY_RULE:
            required = describe_input(self.service, self.kind).required_members
            if len(required) != 1:
                raise DeclarationError(f"{self.kind}: Describe requires {required}: Noun(identity=…)")
            object.__setattr__(self, "identity", Given(required[0]))

    @cached_property
    def facts(self) -> Facts:
        """What the model says of the kind. Raises ``DeclarationError``."""
        name = self.identity.member if isinstance(self.identity, Given) else ""
        return facts_of(self.service, self.kind, self.shape, words=self._has_words, name=name)

    @property
    def _has_words(self) -> bool:
        """Whether its phases have words of AWS's."""
        return False

    def arn(self, call: Call, name: str) -> str:
        """The ARN of the resource called ``name`` in the caller's account and region."""
        return str(Arn(self.service, call.region, call.account, self.path.format(name=name)))


@dataclass(frozen=True, kw_only=True)
class Noun(Named):
    """One kind of resource, and what is its own.

    ``words`` maps a phase to the value of the status member. ``check`` raises when a request is well-formed but wrong.
    ``describe`` adds what Describe says beyond spec and status; ``defaults`` is what it says where the request said
    nothing: a document shaped like the answer, in which a list has one item that stands for each.
    ``first`` is the event a new resource starts with. ``controller`` makes what moves the noun's resources, for nouns
    with a lifecycle. ``updated`` checks an Update and gives the new spec; a noun without a lifecycle needs none where
    the members of its Update are those of its Create. ``before_delete`` raises while a resource has to stay.
    """

    taken: Refusal
    missing: Refusal
    words: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Call, Json], None] = _accept
    describe: Callable[[Call, Resource], Json] = _nothing
    defaults: Mapping[str, Any] = field(default_factory=dict)
    lifecycle: Lifecycle | None = None
    first: tuple[str, str] = ("", "")
    status: Mapping[str, Any] = field(default_factory=dict)
    controller: Callable[[Tools], Controller] | None = None
    updated: Callable[[Call, Resource, Json], Json] | None = None
    before_delete: Callable[[Call, Resource, Json], None] = _allow

    @property
    def _has_words(self) -> bool:
        return bool(self.words)

    def find(self, call: Call, wanted: Json | str) -> Resource:
        """The resource that a request names, or a name or an ARN; raises ``missing``."""
        if not isinstance(wanted, str):
            wanted = self.identity.named(call, self.kind, wanted, require) or wanted.get(self.facts.arn_member, "")
        resources = call.platform.resources
        if not wanted.startswith("arn:"):
            found = resources.get(call.account, call.region, self.kind, wanted)
            arn = "" if found else self.arn(call, wanted)
        else:
            found, arn = resources.by_arn(wanted), wanted
            if found and (found.account, found.region, found.kind) != (call.account, call.region, self.kind):
                found = None
        if found is None:
            raise self.missing.of(name=wanted, arn=arn, status="")
        return found

    def word(self, resource: Resource) -> str:
        """The resource's status in AWS's words."""
        return self.words.get(resource.shown, "")

    def create(self, call: Call, request: Json) -> Resource:
        """Check and store the request, then wake the reconciler or queue the work. Raises ``taken``.

        A child that its parent made before, in an act that was lost, is the same child.
        """
        self.check(call, request)
        spec = {key: value for key, value in request.items() if key not in ("Tags", self.identity.member)}
        if call.parent is not None and not isinstance(self.identity, Given):
            for child in call.platform.resources.children(call.parent, kind=self.kind):
                if child.spec == spec:
                    return child  # its name, which the server made, could not be taken
        name, named = self.identity.new(call, request, require)
        tags = tag_set(request.get("Tags", ()))
        now = call.platform.clock.now()
        queue = call.platform.queues.get(self.kind)
        waiting = queue.waiting(spec) if queue is not None else None
        start = waiting or Change(due=now if self.lifecycle else None)
        first = (Event(now, *self.first),) if self.first[0] else ()
        try:
            made = call.platform.resources.create(
                account=call.account,
                region=call.region,
                kind=self.kind,
                name=name,
                arn=self.arn(call, name),
                spec=spec,
                status={**self.status, **named, **start.status, **self.signed(call, "CreatedBy")},
                run={**start.run},
                phase=self.lifecycle.first if self.lifecycle else "ready",
                due=start.due,
                parent=call.parent,
                tag_set=tags,
                events=(*first, *start.events),
            )
        except AlreadyExists as error:
            old = error.existing
            if call.parent is not None and old.parent == call.parent:
                return old  # an act that was lost made it
            raise self.taken.of(name=name, arn=old.arn, status=self.word(old)) from None
        if queue is not None and waiting is not None:
            queue.enqueue(made)
        elif self.lifecycle:
            call.platform.hint(made.id)
        return made

    def signed(self, call: Call, member: str) -> Json:
        """Who calls, as ``CreatedBy`` or ``LastModifiedBy``, where Describe says that of the kind."""
        who = {"IamIdentity": {"Arn": call.principal.arn, "PrincipalId": call.principal.user_id}}
        return {member: who} if member in self.facts.described else {}

    def full(self, call: Call, resource: Resource) -> Json:
        """All that is said of a resource: ``brief``, what ``describe`` adds, and the defaults."""
        described: Json = filled({**self.brief(resource), **self.describe(call, resource)}, self.defaults)
        return described

    def brief(self, resource: Resource) -> Json:
        """Spec, status, names and times, without what ``describe`` adds."""
        facts = self.facts
        answer = {
            **resource.spec,
            **resource.status,
            self.identity.member or facts.arn_member: resource.name,
            facts.arn_member: resource.arn,
            "CreationTime": resource.created,
            "LastModifiedTime": resource.modified,
        }
        if facts.times:
            answer.update({member: getattr(resource, column) for column, member in facts.times.items()})
        if self.words:
            answer[facts.status_member] = self.word(resource)
        if "CreatedBy" in answer:
            answer.setdefault("LastModifiedBy", answer["CreatedBy"])
        return answer


def filled(document: Any, defaults: Any) -> Any:
    """The document with defaults for what it lacks. What is in a structure is added only where the structure is."""
    if isinstance(document, list) and isinstance(defaults, list):
        return [filled(each, defaults[0]) for each in document]
    if not isinstance(document, Mapping) or not isinstance(defaults, Mapping):
        return document
    merged = dict(document)
    for name, default in defaults.items():
        if name in merged:
            merged[name] = filled(merged[name], default)
        elif not default or not isinstance(default, Mapping | list):
            merged[name] = default
    return merged


_nouns: dict[str, Noun] = {}


def register(noun: Noun) -> None:
    """Remember a noun. Raises ``DeclarationError`` for two of one kind, and for what botocore's model does not have."""
    if noun.kind in _nouns:
        raise DeclarationError(f"{noun.kind} is declared twice")
    check_declaration(noun)
    _nouns[noun.kind] = noun


def check_declaration(noun: Noun) -> None:
    """Raises ``DeclarationError`` naming what the declaration says and the model lacks."""
    facts, kind = noun.facts, noun.kind
    if "{name}" not in noun.path:
        raise DeclarationError(f"{kind}: the path {noun.path} has no {{name}}")
    for verb, operation in facts.operations.items():
        members = inputs(noun.service, operation)
        if verb == "Create" or facts.arn_member not in members:
            noun.identity.check(kind, operation, members)
    for name in noun.defaults:
        if name not in facts.described:
            raise DeclarationError(f"{kind}: the default {name} is not in Describe's answer")
    if noun.words:
        output = service_model(noun.service).operation_model(facts.operations["Describe"]).output_shape
        inner = output.members[facts.within] if facts.within else output  # type: ignore[union-attr] # every Describe answers
        known = inner.members[facts.status_member].metadata.get("enum", ())  # type: ignore[union-attr] # with a structure
        for word in noun.words.values():
            if word not in known:
                raise DeclarationError(f"{kind}: {facts.status_member} is never {word}")


def require(call: Call, kind: str, name: str) -> Resource:
    """The resource of a kind that another one speaks of; raises the kind's ``missing``."""
    return _nouns[kind].find(call, name)


def require_unique(what: str, names: Iterable[str]) -> None:
    """Raises ValidationException when a name comes twice; ``what`` says of what they are the names."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValidationException(f"Duplicate {what} name {name!r}: names must be unique.")
        seen.add(name)


def all_nouns() -> list[Noun]:
    """Every declared noun, in order of its kind."""
    return [_nouns[kind] for kind in sorted(_nouns)]
