"""Nouns that only are stored need nothing said here: their examples make what the bad requests speak of."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from botocore import xform_name
from tests.kit.examples import SERVICE, all_examples

from sagewright.bootstrap import load_services
from sagewright.nouns.declaration import Noun, all_nouns
from sagewright.nouns.identity import Given

Values = dict[str, Any]
BY_HAND = ("Model", "EndpointConfig")
"""What they speak of has to be made beforehand, so ``stages.py`` has them."""
_fresh = itertools.count()


def definitions() -> Iterator[tuple[Noun, Values]]:
    """Each noun without a lifecycle that its callers name, and the first example of its Create."""
    load_services()
    found = dict(reversed([*all_examples()]))
    for noun in all_nouns():
        plain = noun.lifecycle is None and isinstance(noun.identity, Given) and noun.kind not in BY_HAND
        if plain and noun.service == SERVICE and f"Create{noun.kind}" in found:
            yield noun, found[f"Create{noun.kind}"]


def own_members() -> Mapping[str, Callable[[Values], Values]]:
    """For each operation, a valid request's members that must not be those of another operation."""
    own: dict[str, Callable[[Values], Values]] = {}
    examples = dict(all_examples())
    for noun, example in definitions():
        member, kind = noun.identity.member, noun.kind
        own[f"Create{kind}"] = partial(_fresh_one, example, member)
        own[f"Delete{kind}"] = partial(_constant, {member: "doomed"})
        own[f"Describe{kind}"] = partial(_constant, {member: "example"})
        own[f"Update{kind}"] = partial(_constant, {**examples.get(f"Update{kind}", {}), member: "example"})
    return own


def _fresh_one(example: Values, member: str, _values: Values) -> Values:
    return {**example, member: f"defined-{next(_fresh)}"}


def _constant(found: Values, _values: Values) -> Values:
    return found


def makers(sagemaker: Any) -> tuple[list[Callable[[], Any]], dict[str, Callable[[], Any]]]:
    """What makes an example of each, and what makes anew what a Delete used up."""
    first: list[Callable[[], Any]] = []
    again: dict[str, Callable[[], Any]] = {}
    for noun, example in definitions():
        create = getattr(sagemaker, xform_name(f"Create{noun.kind}"))
        first.append(partial(create, **{**example, noun.identity.member: "example"}))
        again[f"Delete{noun.kind}"] = partial(create, **{**example, noun.identity.member: "doomed"})
    return first, again
