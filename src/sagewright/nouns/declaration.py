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
from sagewright.nouns.operations import Call
from sagewright.nouns.tags import tag_set
from sagewright.store.events import Event
from sagewright.store.resources import AlreadyExists, Change, Resource
from sagewright.wire.models import input_shape, output_shape


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


def _nothing(_call: Call, _resource: Resource) -> Json:
    """A noun whose Describe adds nothing."""
    return {}


@dataclass(frozen=True)
class Noun:
    """One kind of resource. ``path`` is the ARN's resource with {name} in it.

    ``words`` maps a phase to the value of ``<Kind>Status``. ``check`` raises when a request is well-formed but wrong.
    ``describe`` adds what Describe says beyond spec and status; ``defaults`` is what it says where the request said
    nothing: a document shaped like the answer, in which a list has one item that stands for each.
    ``first`` is the event a new resource starts with.
    ``controller`` makes what moves the noun's resources, for nouns with a lifecycle.
    """

    kind: str
    path: str
    taken: Refusal
    missing: Refusal
    service: str = "sagemaker"
    words: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Call, Json], None] = _accept
    describe: Callable[[Call, Resource], Json] = _nothing
    defaults: Mapping[str, Any] = field(default_factory=dict)
    lifecycle: Lifecycle | None = None
    first: tuple[str, str] = ("", "")
    status: Mapping[str, Any] = field(default_factory=dict)
    controller: Callable[[Tools], Controller] | None = None

    @cached_property
    def name_member(self) -> str:
        """``TrainingJobName``: the one required member of Describe's input."""
        return input_shape(self.service, f"Describe{self.kind}").required_members[0]

    @cached_property
    def list_operation(self) -> str:
        """``ListTrainingJobs``, ``ListCodeRepositories``."""
        return f"List{self.kind[:-1]}ies" if self.kind.endswith("y") else f"List{self.kind}s"

    @cached_property
    def arn_member(self) -> str:
        return f"{self.kind}Arn"

    @cached_property
    def status_member(self) -> str:
        return f"{self.kind}Status"

    @cached_property
    def described(self) -> frozenset[str]:
        """The members Describe may answer with."""
        return frozenset(output_shape(self.service, f"Describe{self.kind}").members)

    def arn(self, call: Call, name: str) -> str:
        """The ARN of the resource called ``name`` in the caller's account and region."""
        return str(Arn(self.service, call.region, call.account, self.path.format(name=name)))

    def find(self, call: Call, name: str) -> Resource:
        """The resource called ``name``; raises ``missing``."""
        found = call.platform.resources.get(call.account, call.region, self.kind, name)
        if found is None:
            raise self.missing.of(name=name, arn=self.arn(call, name), status="")
        return found

    def word(self, resource: Resource) -> str:
        """The resource's status in AWS's words."""
        return self.words.get(resource.shown, "")

    def create(self, call: Call, request: Json) -> Resource:
        """Check and store the request, then wake the reconciler or queue the work. Raises ``taken``.

        A child that its parent made before, in an act that was lost, is the same child.
        """
        self.check(call, request)
        name = request[self.name_member]
        spec = {key: value for key, value in request.items() if key not in ("Tags", self.name_member)}
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
                status={**self.status, **start.status},
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

    def full(self, call: Call, resource: Resource) -> Json:
        """All that is said of a resource: ``brief``, what ``describe`` adds, and the defaults."""
        described: Json = filled({**self.brief(resource), **self.describe(call, resource)}, self.defaults)
        return described

    def brief(self, resource: Resource) -> Json:
        """Spec, status, names and times, without what ``describe`` adds."""
        answer = {
            **resource.spec,
            **resource.status,
            self.name_member: resource.name,
            self.arn_member: resource.arn,
            "CreationTime": resource.created,
            "LastModifiedTime": resource.modified,
        }
        if self.words:
            answer[self.status_member] = self.word(resource)
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
    """Remember a noun; two of one kind are a programming error."""
    if noun.kind in _nouns:
        raise ValueError(f"{noun.kind} is declared twice")
    _nouns[noun.kind] = noun


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
