"""The verbs every noun shares, registered for as many of them as the model has an operation for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from sagewright.core import Json
from sagewright.core.errors import ResourceInUse
from sagewright.nouns.declaration import Noun, Refusal, register
from sagewright.nouns.listing import list_resources
from sagewright.nouns.operations import Call, Operation, Result, add
from sagewright.store.resources import Resource
from sagewright.wire.models import service_model

Verb: TypeAlias = Callable[[Noun, Call, Json], Result]


def declare(noun: Noun, *, ended: Refusal | None = None) -> Noun:
    """Register a noun with its shared operations. ``ended`` is the refusal to stop work that has ended."""
    register(noun)
    known = set(service_model(noun.service).operation_names)
    verbs: dict[str, Verb] = {
        f"Create{noun.kind}": _create,
        f"Describe{noun.kind}": _describe,
        noun.list_operation: _list,
    }
    if noun.lifecycle is None:
        verbs[f"Delete{noun.kind}"] = _delete
    elif noun.lifecycle.name == "RUN":
        verbs[f"Stop{noun.kind}"] = _stop(ended)
        verbs[f"Delete{noun.kind}"] = _delete_ended
    else:
        verbs[f"Delete{noun.kind}"] = _wish_gone
    for name, verb in verbs.items():
        if name in known:
            add(Operation(noun.service, name, partial(verb, noun)))
    return noun


def _create(noun: Noun, call: Call, request: Json) -> Result:
    return {noun.arn_member: noun.create(call, request).arn}


def _describe(noun: Noun, call: Call, request: Json) -> Result:
    resource = noun.find(call, request[noun.name_member])
    return {key: value for key, value in noun.full(call, resource).items() if key in noun.described}


def _list(noun: Noun, call: Call, request: Json) -> Result:
    return list_resources(noun, call, request)


def _delete(noun: Noun, call: Call, request: Json) -> Result:
    call.platform.resources.delete(noun.find(call, request[noun.name_member]))
    return None


def _stop(ended: Refusal | None) -> Verb:
    def stop(noun: Noun, call: Call, request: Json) -> Result:
        resource = noun.find(call, request[noun.name_member])
        assert noun.lifecycle is not None
        if noun.lifecycle.final(resource.phase):
            assert ended is not None
            raise ended.of(name=resource.name, arn=resource.arn, status=noun.word(resource))
        wish(call, resource, "stopped")
        return None

    return stop


def _delete_ended(noun: Noun, call: Call, request: Json) -> Result:
    """Delete the row of work that has ended; its outputs and logs stay. Raises ResourceInUse until it is cleaned up."""
    resource = noun.find(call, request[noun.name_member])
    assert noun.lifecycle is not None
    if not noun.lifecycle.final(resource.phase) or resource.due is not None:
        raise ResourceInUse(
            f"The resource {resource.arn!r} is in status {noun.word(resource)}: stop it before deleting it."
        )
    call.platform.resources.delete(resource)
    return None


def _wish_gone(noun: Noun, call: Call, request: Json) -> Result:
    wish(call, noun.find(call, request[noun.name_member]), "gone")
    return None


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
