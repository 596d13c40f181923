"""The verbs every noun shares, registered for as many of them as the model has an operation for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from sagewright.core import Json
from sagewright.core.errors import ResourceInUse
from sagewright.nouns.declaration import Noun, Refusal, register
from sagewright.nouns.listing import list_resources
from sagewright.nouns.operations import Call, Operation, Result, add
from sagewright.nouns.shape import DeclarationError, inputs, outputs
from sagewright.store.resources import Resource, Stale

Handler: TypeAlias = Callable[[Noun, Call, Json], Result]
_ATTEMPTS = 20
"""To update what other callers update at the same time."""


class Verb(NamedTuple):
    """What one verb does to nouns of a lifecycle; an empty name is that of nouns without one."""

    verb: str
    lifecycles: tuple[str, ...]
    handler: Handler


def declare(noun: Noun, *, ended: Refusal | None = None, own: tuple[str, ...] = ()) -> Noun:
    """Register a noun with its shared operations, as far as the model has them and its lifecycle allows them.

    ``ended`` is the refusal to start or stop what is in no state for it. ``own`` are verbs that the noun's file carries
    out itself. Raises ``DeclarationError`` naming what the declaration says and the model lacks.
    """
    register(noun)
    for verb, lifecycles, handler in VERBS:
        lifecycle = noun.lifecycle.name if noun.lifecycle else ""
        if lifecycle not in lifecycles or verb in own or verb not in noun.facts.operations:
            continue
        if verb == "Update" and noun.updated is None:
            if lifecycle:
                continue  # what changes about work is the noun's to say
            _check_update(noun)
        refusal = {"refusal": ended} if verb in ("Start", "Stop") else {}
        add(Operation(noun.service, noun.facts.operations[verb], partial(handler, noun, **refusal)))
    if noun.facts.listed is not None and "List" not in own:
        add(Operation(noun.service, noun.facts.listed.operation, partial(list_resources, noun)))
    return noun


def _check_update(noun: Noun) -> None:
    """Raises ``DeclarationError`` for an Update whose members are not a new spec's."""
    known = {*inputs(noun.service, noun.facts.operations.get("Create", "")), *noun.identity.members}
    for name in sorted(inputs(noun.service, noun.facts.operations["Update"]) - known - {noun.facts.arn_member}):
        raise DeclarationError(f"{noun.kind}: Update's {name} is no member of Create: Noun(updated=…)")


def answer(noun: Noun, verb: str, call: Call, resource: Resource) -> Result:
    """What the answer to a verb says of a resource: the members of its output; None where it has none."""
    wanted = outputs(noun.service, noun.facts.operations[verb])
    if not wanted:
        return None
    arns = dict.fromkeys((noun.facts.arn_member, f"{noun.kind}Arn", "Arn"), resource.arn)
    if wanted <= arns.keys():
        return dict.fromkeys(wanted, resource.arn)
    full = noun.full(call, resource)
    described = {key: value for key, value in full.items() if key in noun.facts.described}
    said = {**arns, **full, noun.kind: described}
    return {name: said[name] for name in wanted if name in said}


def _create(noun: Noun, call: Call, request: Json) -> Result:
    return answer(noun, "Create", call, noun.create(call, request))


def _describe(noun: Noun, call: Call, request: Json) -> Result:
    full = noun.full(call, noun.find(call, request))
    described = noun.facts.described
    said = {key: value for key, value in full.items() if key in described}
    return {noun.facts.within: said} if noun.facts.within else said


def _update(noun: Noun, call: Call, request: Json) -> Result:
    """Merge the request into the spec; what works is told to become that."""
    for attempt in range(_ATTEMPTS):
        resource = noun.find(call, request)
        spec = noun.updated(call, resource, request) if noun.updated else merged(noun, resource, request)
        try:
            if noun.lifecycle is None:
                resource = call.platform.resources.update(resource, spec=spec)
            else:
                wish(call, resource, "updated", content={"id": call.request_id}, spec=spec)
            return answer(noun, "Update", call, resource)
        except Stale:
            if attempt == _ATTEMPTS - 1:
                raise ResourceInUse(f"{resource.arn} is being updated by other callers. Try again.") from None
    raise AssertionError


def merged(noun: Noun, resource: Resource, request: Json) -> Json:
    """The spec with the members of an Update's request."""
    naming = {*noun.identity.members, noun.facts.arn_member}
    return {**resource.spec, **{key: value for key, value in request.items() if key not in naming}}


def _delete(noun: Noun, call: Call, request: Json) -> Result:
    resource = noun.find(call, request)
    noun.before_delete(call, resource, request)
    said = answer(noun, "Delete", call, resource)
    call.platform.resources.delete(resource)
    return said


def _stop(noun: Noun, call: Call, request: Json, refusal: Refusal | None = None) -> Result:
    """Wish that work ends. Work that has ended refuses it."""
    resource = noun.find(call, request)
    assert noun.lifecycle is not None
    if noun.lifecycle.final(resource.phase):
        raise _not_now(noun, resource, refusal)
    wish(call, resource, "stopped")
    return answer(noun, "Stop", call, resource)


def _delete_ended(noun: Noun, call: Call, request: Json) -> Result:
    """Delete the row of work that has ended; its outputs and logs stay. Raises ResourceInUse until it is cleaned up."""
    resource = noun.find(call, request)
    assert noun.lifecycle is not None
    if not noun.lifecycle.final(resource.phase) or resource.due is not None:
        raise ResourceInUse(
            f"The resource {resource.arn!r} is in status {noun.word(resource)}: stop it before deleting it."
        )
    noun.before_delete(call, resource, request)
    said = answer(noun, "Delete", call, resource)
    call.platform.resources.delete(resource)
    return said


def _start_standing(noun: Noun, call: Call, request: Json, refusal: Refusal | None = None) -> Result:
    return _turn(noun, call, request, ("Start", "started", "starting"), refusal)


def _stop_standing(noun: Noun, call: Call, request: Json, refusal: Refusal | None = None) -> Result:
    return _turn(noun, call, request, ("Stop", "stopped", "stopping"), refusal)


def _turn(noun: Noun, call: Call, request: Json, turn: tuple[str, str, str], refusal: Refusal | None) -> Result:
    """Wish that what stays starts or stops, where the phase that callers see may become that."""
    verb, word, phase = turn
    resource = noun.find(call, request)
    assert noun.lifecycle is not None
    if resource.shown == noun.lifecycle.first or phase not in noun.lifecycle.moves[resource.shown]:
        raise _not_now(noun, resource, refusal)
    wish(call, resource, word, content={"id": call.request_id})
    return answer(noun, verb, call, noun.find(call, resource.name))


def _not_now(noun: Noun, resource: Resource, refusal: Refusal | None) -> Exception:
    refusal = refusal or Refusal("The status of {arn} is {status}, which does not allow this.")
    return refusal.of(name=resource.name, arn=resource.arn, status=noun.word(resource))


def _wish_gone(noun: Noun, call: Call, request: Json) -> Result:
    resource = noun.find(call, request)
    noun.before_delete(call, resource, request)
    wish(call, resource, "gone")
    return answer(noun, "Delete", call, resource)


VERBS = (
    Verb("Create", ("", "RUN", "STANDING"), _create),
    Verb("Describe", ("", "RUN", "STANDING"), _describe),
    Verb("Update", ("", "RUN", "STANDING"), _update),
    Verb("Start", ("STANDING",), _start_standing),
    Verb("Stop", ("STANDING",), _stop_standing),
    Verb("Stop", ("RUN",), _stop),
    Verb("Delete", ("",), _delete),
    Verb("Delete", ("RUN",), _delete_ended),
    Verb("Delete", ("STANDING",), _wish_gone),
)
"""Which verb does what, by lifecycle."""

_WISHES = {"stopped": "stopping", "gone": "deleting", "updated": "updating", "started": "starting"}
"""The phase that Describe shows until the reconciler has carried a wish out."""


def wish(
    call: Call, resource: Resource, word: str, *, content: Mapping[str, Any] | None = None, spec: Json | None = None
) -> None:
    """Write what the caller wants and wake the reconciler, which alone writes phases. Raises ``Stale``.

    ``word`` may have an id after a colon, so that it differs from the same wish made before; ``content`` is what else
    the wish says.
    """
    word, _, identifier = word.partition(":")
    document = {"word": word, **({"id": identifier} if identifier else {}), **(content or {})}
    shown = _WISHES.get(word, resource.phase)
    call.platform.resources.update(resource, wish=(document, shown), due=call.platform.clock.now(), spec=spec)
    call.platform.hint(resource.id)
