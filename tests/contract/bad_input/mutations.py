"""From one valid request, requests with one member wrong, each with a name that says what."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from botocore.model import ListShape, MapShape, Shape, StructureShape
from tests.contract.bad_input.cases import Mutation, Target, Thunk, Tree
from tests.contract.bad_input.hostile import HOSTILE
from tests.contract.bad_input.samples import NoSample, sample
from tests.contract.bad_input.whole import mangled, whole
from tests.contract.bad_input.wire import CBOR, RAW

from sagewright.wire.validation import compile_pattern

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Site:
    path: Path
    shape: Shape
    required: bool
    present: bool

    @property
    def name(self) -> str:
        return ".".join(map(str, self.path))


def mutations(target: Target, rng: random.Random) -> Iterator[Mutation]:
    """Without end: each kind of mistake in turn, at places drawn; where those run out, bytes are changed."""
    kinds: dict[str, list[Callable[[], Mutation | None]]] = {}
    for what, thunk in _thunks(target, rng):
        kinds.setdefault(what, []).append(thunk)
    for thunks in kinds.values():
        rng.shuffle(thunks)
    # Each kind gives one, then each a second, and so on: rare kinds all come, frequent ones are drawn from.
    turns = (thunk for turn in itertools.zip_longest(*kinds.values()) for thunk in turn if thunk is not None)
    drawn = (made for thunk in turns if (made := thunk()) is not None)
    endless = (mangled(target, rng) for _ in itertools.count())
    return itertools.chain(drawn, endless)


def _thunks(target: Target, rng: random.Random) -> Iterator[Thunk]:
    if target.shape is not None:
        for site in _sites(target, target.shape, target.base(), ()):
            yield from _at(target, site, rng)
    yield from whole(target, rng)


def _sites(target: Target, shape: Shape, value: Any, path: Path, present: bool = True) -> Iterator[_Site]:
    """Every member of the request and, where one can be made up, every member it might have had."""
    if len(path) > 7:
        return
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, member in shape.members.items():
            if name == "ContentLength":
                continue  # HTTP's own
            there = name in value
            try:
                item = value[name] if there else sample(member, name, target.names)
            except NoSample:
                continue
            yield _Site((*path, name), member, name in shape.required_members, present and there)
            yield from _sites(target, member, item, (*path, name), present and there)
    elif isinstance(shape, ListShape) and isinstance(value, list) and value:
        yield _Site((*path, 0), shape.member, False, present)
        yield from _sites(target, shape.member, value[0], (*path, 0), present)
    elif isinstance(shape, MapShape) and isinstance(value, dict) and value:
        key = next(iter(value))
        yield _Site((*path, key), shape.value, False, present)
        yield from _sites(target, shape.value, value[key], (*path, key), present)


def _with(target: Target, path: Path, change: Callable[[Any, Any], None]) -> Tree:
    """A valid request in which ``change(parent, key)`` was done at ``path``; what is missing on the way is made."""
    tree = copy.deepcopy(target.base())
    node: Any = tree
    shape: Any = target.shape
    for step in path[:-1]:
        shape = _below(shape, step)
        if isinstance(node, dict) and step not in node:
            node[step] = copy.deepcopy(sample(shape, str(step), target.names))
        node = node[step]
    if isinstance(node, dict) and path[-1] not in node:
        try:
            node[path[-1]] = copy.deepcopy(sample(_below(shape, path[-1]), str(path[-1]), target.names))
        except NoSample:
            node[path[-1]] = None
    change(node, path[-1])
    return tree


def _below(shape: Shape, step: str | int) -> Shape:
    if isinstance(shape, StructureShape):
        return shape.members[str(step)]
    return shape.member if isinstance(shape, ListShape) else shape.value  # type: ignore[attr-defined]


def _drop(parent: Any, key: Any) -> None:
    del parent[key]


def _put(value: Any) -> Callable[[Any, Any], None]:
    def change(parent: Any, key: Any) -> None:
        parent[key] = value

    return change


def _at(target: Target, site: _Site, rng: random.Random) -> Iterator[Thunk]:
    """What can be wrong at one place."""
    forms = _FORMS.get(target.protocol, {})
    typed = bool(forms)
    # Without what stands outside the body, S3 is asked for something else.
    place = site.shape.serialization.get("location")
    loose = place == "uri" or (target.service == "s3" and place is not None)
    strict = target.service != "s3" and not loose

    def replaced(what: str, value: Any, *, fails: bool = False, raw: bytes = b"", named: bool = False) -> Thunk:
        def make() -> Mutation | None:
            tree = _with(target, site.path, _put(value))
            shot = target.shot(tree)
            shot.raw = raw
            return Mutation(what, site.name, shot, fails, _named(site) if named and fails else "")

        return what, make

    def dropped() -> Mutation:
        tree = _with(target, site.path, _drop)
        # In a form an empty structure is no structure.
        fails = site.required and not loose and (typed or len(site.path) == 1)
        return Mutation("dropped", site.name, target.shot(tree), fails, _named(site) if strict and fails else "")

    if isinstance(site.path[-1], str) and (site.present or site.required):
        yield "dropped", dropped
    if typed:
        nothing = site.required or isinstance(site.path[-1], int)
        yield replaced("null", None, fails=nothing, named=site.required)
        for number, value in enumerate(_wrong_types(site.shape)):
            yield replaced(f"wrong type {number}", value, fails=True)
        for what, raw in forms.items():
            may_be = (what == "NaN" and target.protocol == CBOR and site.shape.type_name in ("float", "double")) or (
                what == "huge number" and _is_document(site.shape)
            )
            yield replaced(what, RAW, raw=raw, fails=not may_be)
        if target.protocol == "json":
            yield replaced("twice", RAW, raw=b'1, "' + str(site.path[-1]).encode() + b'": null')
    else:
        yield replaced("not UTF-8", RAW, raw=b"\xff\xfe")
    yield from _constraints(site, replaced, strict)
    yield from _kinds(site, replaced, rng, json_body=target.protocol == "json")


def _named(site: _Site) -> str:
    """How a message spells the member: the last name of the path, in lower camel case."""
    names = [step for step in site.path if isinstance(step, str)]
    return names[0][:1].lower() + names[0][1:] if names else ""


def _is_document(shape: Shape) -> bool:
    return isinstance(shape, StructureShape) and shape.is_document_type


def _wrong_types(shape: Shape) -> list[Any]:
    kind = shape.type_name
    every: dict[str, Any] = {"number": 17, "text": "text", "bool": True, "list": ["x"], "map": {"x": "y"}}
    fine = {
        "string": ["text"],
        "blob": [],
        "boolean": ["bool"],
        "list": ["list"],
        "map": ["map"],
        "structure": ["map"],
        "timestamp": ["number"],
    }.get(kind, ["number"])
    return [value for name, value in every.items() if name not in fine]


def _constraints(site: _Site, replaced: Callable[..., Thunk], strict: bool) -> Iterator[Thunk]:
    """What the model forbids."""
    shape, model = site.shape, site.shape.metadata
    least, most = model.get("min"), model.get("max")
    if shape.type_name in ("integer", "long", "float", "double"):
        if least is not None:
            yield replaced("below", least - 1, fails=True, named=strict)
            yield replaced("far below", -2_000_000_000, fails=True, named=strict)
        if most is not None:
            yield replaced("above", most + 1, fails=True, named=strict)
            yield replaced("far above", min(most * 1000 + 1000, 2_000_000_000), fails=True, named=strict)
        return
    if shape.type_name == "string":
        good = "a"
        if most is not None and most < 200_000:
            yield replaced("too long", good * (most + 1), fails=True, named=strict)
            yield replaced("far too long", good * min(most * 10 + 10, 200_000), fails=True, named=strict)
        if least:
            yield replaced("too short", good * (least - 1), fails=strict or least > 1, named=strict)
        if "pattern" in model:
            for text in ("a b!", "\x01", "{}", "é€", "a\n", "-a-", "!"):
                if (least or 0) <= len(text) <= (most or 99) and not compile_pattern(model["pattern"]).match(text):
                    yield replaced("pattern", text, fails=True, named=strict)
                    break
        if model.get("enum"):
            yield replaced("unknown word", "NoSuchWord", fails=True, named=strict)
            word = model["enum"][0]
            other = word.lower() if word != word.lower() else word.upper()
            if other not in model["enum"]:
                yield replaced("other case", other, fails=True, named=strict)
    if isinstance(shape, ListShape | MapShape):
        yield from _sizes(site, replaced, strict)


def _sizes(site: _Site, replaced: Callable[..., Thunk], strict: bool) -> Iterator[Thunk]:
    shape, model = site.shape, site.shape.metadata
    least, most = model.get("min"), model.get("max")
    try:
        made = sample(shape, "", {})
    except NoSample:
        return
    if isinstance(shape, ListShape):
        if most is not None and most <= 2000:
            yield replaced("list too long", made[:1] * (most + 1), fails=True, named=strict)
        if least:
            yield replaced("list too short", made[: least - 1], fails=True, named=strict)
        yield replaced("many items", made[:1] * 3000)
    elif most is not None and most <= 2000:
        value = next(iter(made.values()))
        yield replaced("map too large", {f"k{number}": value for number in range(most + 1)}, fails=True, named=strict)


_UNREADABLE: Mapping[str, tuple[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("integer", "long"), ("no number", ("", "x", "0x10", "1e3", "1_0", "١", "--1", "1 1", 1.5))),
    **dict.fromkeys(("float", "double"), ("no number", ("x", "1_0", "١", "1e", "0x1p3"))),
    "boolean": ("no boolean", ("", "yes", "1", "TrUe!", "١")),
    "timestamp": ("no time", ("", "yesterday", "2026-13-40T00:00:00Z", "1_0", "nan", "1e300", "٢٠٢٦-01-01")),
}
"""What no value of a type is written like."""
_ODD: Mapping[str, tuple[Any, ...]] = {
    **dict.fromkeys(("integer", "long"), (0, -1, 1, 2**31 - 1, -(2**31))),
    **dict.fromkeys(("float", "double"), ("NaN", "Infinity", "-Infinity", 1e308, -1e-320, 0)),
    "timestamp": (0, -1, 253402300799, 0.0005),
    "blob": ("a", b"\x00" * 70_000),
    "list": ([],),
    "map": ({},),
    "structure": ({},),
}
"""What may be a value, and may be none."""


_FORMS: Mapping[str, Mapping[str, bytes]] = {
    "json": {
        "NaN": b"NaN",
        "lone surrogate": b'"\\ud800"',
        "huge number": b"9" * 400,
        "deep": b"[" * 500 + b"]" * 500,
        "deeper": b"[" * 100_000 + b"]" * 100_000,
        "not UTF-8": b'"\xff\xfe"',
    },
    CBOR: {
        "NaN": bytes.fromhex("f97e00"),
        "lone surrogate": bytes.fromhex("63eda080"),
        "huge number": bytes.fromhex("c258c8") + b"\xff" * 200,
        "deep": b"\x81" * 500 + b"\x01",
        "deeper": b"\x81" * 100_000 + b"\x01",
        "not UTF-8": bytes.fromhex("62fffe"),
        "date in text": bytes.fromhex("c074") + b"2026-01-01T00:00:00Z",
        "time of a text": bytes.fromhex("c16178"),
        "decimal fraction": bytes.fromhex("c482211a7fffffff"),
        "regular expression": bytes.fromhex("d82363282b29"),
        "itself": bytes.fromhex("d81c81d81d00"),
        "longer than the body": bytes.fromhex("7b7fffffffffffffff"),
        "more items than bytes": bytes.fromhex("9b7fffffffffffffff"),
        "break": b"\xff",
        "reserved": b"\x1c",
    },
}
"""What can be written in place of a value and is none: the protocols with types of their own."""


def _kinds(site: _Site, replaced: Callable[..., Thunk], rng: random.Random, *, json_body: bool) -> Iterator[Thunk]:
    """What is odd by type alone."""
    kind = site.shape.type_name
    if kind in ("string", "character"):
        for number, text in enumerate(rng.sample(HOSTILE, 8)):
            yield replaced(f"hostile {number}", text)
        yield replaced("empty", "")
        yield replaced("long", "a" * 40_000)
    what, texts = _UNREADABLE.get(kind, ("", ()))
    for text in texts:
        yield replaced(what, text, fails=site.shape.serialization.get("location") != "uri")
    if kind in ("integer", "long"):
        big = 2**63 if kind == "long" else 2**31
        yield replaced("overflow", big, fails=True)
        yield replaced("overflow", -big - 1, fails=True)
    if kind in ("float", "double") and json_body:
        yield replaced("too large a float", RAW, raw=b"1e999", fails=True)
    for value in _ODD.get(kind, ()):
        yield replaced(f"odd {kind}", value)
