"""From one valid request, requests with one thing wrong, each with a name that says what."""

from __future__ import annotations

import copy
import itertools
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagewright.wire.models import service_model
from sagewright.wire.validation import compile_pattern
from tests.contract.bad_input.samples import NoSample, sample
from tests.contract.bad_input.wire import RAW, Shot, encode, retarget

Tree: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]

HOSTILE = (
    "../../etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc",
    "..",
    ".",
    "a//b",
    "/",
    "a/../b",
    "s3://",
    "s3:///x",
    "s3://no-such-bucket/../..",
    "s3://bad-input/%00",
    "s3://bad-input/" + "k" * 1100,
    "s3://BAD_input/there",
    "file:///etc/passwd",
    "http://127.0.0.1:1/",
    "arn:aws:sagemaker:us-east-1:123456789012:training-job/%00",
    "arn:aws:sagemaker:us-east-1:999999999999:model/example",
    "arn:aws:sagemaker:eu-north-1:123456789012:model/example",
    "arn:aws-cn:sagemaker:us-east-1:123456789012:model/example",
    "arn:aws:iam::123456789012:role/",
    "arn:aws:iam::999999999999:role/other",
    "arn:::::",
    "arn:aws:s3:::bad-input/there",
    "a" * 70,
    "a" * 300,
    "a" * 5000,
    "-",
    "-a",
    "a-",
    " a",
    "a ",
    "a\nb",
    "a\tb",
    "a\x00b",
    "\x1b[31m",
    "\x7f",
    "${jndi:ldap://x}",
    "${aws:username}",
    "{{7*7}}",
    "%s%n%d",
    "'; DROP TABLE resources; --",
    "<script>alert(1)</script>",
    "&lt;&amp;",
    "]]>",
    "\u202e\ufdfa🦄",
    "ｅｘａｍｐｌｅ",
    "e\u0301",
    "\ufeffa",
    "\ufffe",
    "\u2028",
    "١٢٣",
    "NaN",
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    "[]",
    "{}",
    '{"Version":"2012-10-17","Statement":[{"Effect":"Maybe"}]}',
    '{"Version":"2012-10-17","Statement":' + "[" * 200 + "]" * 200 + "}",
    "*",
    "?",
    "(" * 50,
    "(a+)+$",
    "{ $.a = ",
)
TOP = "(the request)"


@dataclass(frozen=True, slots=True)
class Mutation:
    """``must_fail`` when the model says so; ``member`` is what the answer then has to name."""

    what: str
    where: str
    shot: Shot
    must_fail: bool = False
    member: str = ""
    transport: bool = False
    """HTTP itself is broken: the server may answer in its own words, or hang up."""

    def __str__(self) -> str:
        return f"{self.what} at {self.where}"


@dataclass(frozen=True, slots=True)
class Target:
    """An operation in a protocol, and how a valid request for it is made."""

    service: str
    operation: str
    protocol: str
    base: Callable[[], Tree]
    names: Mapping[str, Any]

    @property
    def id(self) -> str:
        return f"{self.service}:{self.operation}:{self.protocol}"

    @property
    def shape(self) -> StructureShape | None:
        return service_model(self.service).operation_model(self.operation).input_shape

    def shot(self, tree: Tree | None = None) -> Shot:
        return encode(self.service, self.operation, self.protocol, self.base() if tree is None else tree)


@dataclass(frozen=True, slots=True)
class _Site:
    path: Path
    shape: Shape
    required: bool
    present: bool

    @property
    def name(self) -> str:
        return ".".join(map(str, self.path))


Thunk: TypeAlias = tuple[str, Callable[[], Mutation | None]]


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
    endless = (_mangled(target, rng) for _ in itertools.count())
    return itertools.chain(drawn, endless)


def _thunks(target: Target, rng: random.Random) -> Iterator[Thunk]:
    if target.shape is not None:
        for site in _sites(target, target.shape, target.base(), ()):
            yield from _at(target, site, rng)
    yield from _whole(target, rng)


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
    json_body = target.protocol == "json"
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
        fails = site.required and not loose and (json_body or len(site.path) == 1)
        return Mutation("dropped", site.name, target.shot(tree), fails, _named(site) if strict and fails else "")

    if isinstance(site.path[-1], str) and (site.present or site.required):
        yield "dropped", dropped
    if json_body:
        nothing = site.required or isinstance(site.path[-1], int)
        yield replaced("null", None, fails=nothing, named=site.required)
        for number, value in enumerate(_wrong_types(site.shape)):
            yield replaced(f"wrong type {number}", value, fails=True)
        yield replaced("NaN", RAW, raw=b"NaN", fails=True)
        yield replaced("lone surrogate", RAW, raw=b'"\\ud800"', fails=True)
        yield replaced("huge number", RAW, raw=b"9" * 400, fails=not _is_document(site.shape))
        yield replaced("deep", RAW, raw=b"[" * 500 + b"]" * 500, fails=True)
        yield replaced("deeper", RAW, raw=b"[" * 100_000 + b"]" * 100_000, fails=True)
        yield replaced("twice", RAW, raw=b'1, "' + str(site.path[-1]).encode() + b'": null')
    yield replaced("not UTF-8", RAW, raw=b'"\xff\xfe"' if json_body else b"\xff\xfe", fails=json_body)
    yield from _constraints(site, replaced, strict)
    yield from _kinds(site, replaced, rng, json_body)


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


def _kinds(site: _Site, replaced: Callable[..., Thunk], rng: random.Random, json_body: bool) -> Iterator[Thunk]:
    """What is odd by type alone."""
    kind = site.shape.type_name
    if kind in ("string", "character"):
        for number, text in enumerate(rng.sample(HOSTILE, 8)):
            yield replaced(f"hostile {number}", text)
        yield replaced("empty", "")
        yield replaced("long", "a" * 40_000)
    elif kind in ("integer", "long"):
        big = 2**63 if kind == "long" else 2**31
        for value in (big, -big - 1):
            yield replaced("overflow", value, fails=True)
        yield replaced("fraction", 1.5, fails=True)
        for text in ("", "x", "0x10", "1e3", "1_0", "١", "--1", "1 1"):
            yield replaced("no number", text, fails=not (site.shape.serialization.get("location") == "uri"))
        for value in (0, -1, 1, 2**31 - 1, -(2**31)):
            yield replaced("odd number", value)
    elif kind in ("float", "double"):
        for text in ("x", "1_0", "١", "1e", "0x1p3"):
            yield replaced("no number", text, fails=True)
        for value in ("NaN", "Infinity", "-Infinity", 1e308, -1e-320, 0):
            yield replaced("odd number", value)
        if json_body:
            yield replaced("too large a float", RAW, raw=b"1e999", fails=True)
    elif kind == "boolean":
        for text in ("", "yes", "1", "TrUe!", "١"):
            yield replaced("no boolean", text, fails=True)
    elif kind == "timestamp":
        for text in ("", "yesterday", "2026-13-40T00:00:00Z", "1_0", "nan", "1e300", "٢٠٢٦-01-01"):
            yield replaced("no time", text, fails=True)
        for value in (0, -1, 253402300799, 0.0005):
            yield replaced("odd time", value)
    elif kind == "blob":
        yield replaced("odd bytes", "a")
        yield replaced("odd bytes", b"\x00" * 70_000)
    else:
        yield replaced("emptied", [] if kind == "list" else {})


def _whole(target: Target, rng: random.Random) -> Iterator[Thunk]:
    """What is wrong with the request as a whole."""

    def of(what: str, make: Callable[[Shot], Shot], *, fails: bool = False, transport: bool = False) -> Thunk:
        return what, lambda: Mutation(what, TOP, make(target.shot()), fails, transport=transport)

    yield (
        "as it is, elsewhere",
        lambda: Mutation(
            "as it is, elsewhere", TOP, retarget(target.shot(), region=rng.choice(("eu-west-1", "xx-nowhere-9")))
        ),
    )
    yield (
        "unknown member",
        lambda: Mutation("unknown member", TOP, target.shot({**target.base(), "NoSuchMember": {"a": ["b"]}})),
    )
    for kind in ("", "text/plain", "multipart/form-data; boundary=x", "application/json; charset=utf-16", "x" * 2000):
        yield of("content type", lambda shot, kind=kind: retarget(shot, headers={"content-type": kind}))
    yield of("encoding", lambda shot: retarget(shot, headers={"content-encoding": "gzip"}))
    yield of("encoding", lambda shot: retarget(shot, headers={"content-encoding": "aws-chunked"}))
    for odd in ("?", "?&&&=&", "?%00=%ff", "?a=" + "b" * 4000, "?" + "&".join(["x=y"] * 500), "?%", "?Action=X&x-id=Y"):
        yield of("query", lambda shot, odd=odd: retarget(shot, target=_asked(shot.target, odd)))
    for header in (
        {"x-amz-odd": "\u00e9🦄"},
        {"x-amz-meta-" + "a" * 500: "b"},
        {"content-md5": "x"},
        {"x-amz-date-2": ""},
        {"expect": "the-impossible"},
        {"range": "bytes=9-1"},
        {"x-amz-security-token": "x"},
        {"x-http-method-override": "DELETE"},
        {"x-forwarded-host": "evil"},
        {"if-match": '"'},
        {"if-modified-since": "yesterday"},
        {"x-amz-sdk-checksum-algorithm": "ROT13"},
        {"x-amz-checksum-crc32": "!"},
        {"x-amzn-query-mode": "true"},
        {"origin": "null"},
    ):
        yield of("header", lambda shot, header=header: retarget(shot, headers=header))
    yield of("promised and not sent", lambda shot: retarget(shot, cut=7), transport=True)
    yield of("control in a header", lambda shot: retarget(shot, headers={"x-odd": "a\x01b"}), transport=True)
    yield from _bodies(target, of)


def _asked(target: str, odd: str) -> str:
    return target + (odd.replace("?", "&", 1) if "?" in target else odd)


def _bodies(target: Target, of: Callable[..., Thunk]) -> Iterator[Thunk]:
    protocol = target.protocol
    if protocol == "json":
        required = bool(target.shape is not None and target.shape.required_members)
        for body in (
            b"[]",
            b'"x"',
            b"1",
            b"null",
            b"{",
            b"}",
            b"{} {}",
            b"{'a':1}",
            b"\xff",
            b"\xef\xbb\xbf{}",
            b"<a/>",
        ):
            yield of("body", lambda shot, body=body: retarget(shot, body=body), fails=True)
        yield of("body", lambda shot: retarget(shot, body=b""), fails=required)
        yield of("body", lambda shot: retarget(shot, body=shot.body[: len(shot.body) // 2] or b"{"), fails=True)
        yield of("body", lambda shot: retarget(shot, body=shot.body + b"x"), fails=True)
        yield of("body", lambda shot: retarget(shot, body=b"[" * 200_000), fails=True)
        yield of("body", lambda shot: retarget(shot, body=b'{"a":' * 50_000 + b"1" + b"}" * 50_000), fails=True)
        prefix = lambda shot: shot.headers["x-amz-target"].partition(".")[0]  # noqa: E731
        for name in ("NoSuchOperation", "", f"{target.operation}.{target.operation}", target.operation.lower(), "../x"):
            yield of(
                "operation",
                lambda shot, name=name: retarget(shot, headers={"x-amz-target": f"{prefix(shot)}.{name}"}),
                fails=True,
            )
        yield of("method", lambda shot: retarget(shot, method="DELETE"))
        yield of("path", lambda shot: retarget(shot, target="/../../etc/passwd"))
    elif protocol == "query":
        for more in (b"&", b"&=&==", b"&a.b.c=1&a.b=2", b"&%", b"&%ff=%fe", b"&" + b"x." * 200 + b"y=1"):
            yield of("form", lambda shot, more=more: retarget(shot, body=shot.body + more))
        for more in (b"&Tags.member.1=x", b"&Tags.member.x.Key=1", b"&Tags.member.99999999999.Key=1", b"&Tags=x"):
            yield of("form", lambda shot, more=more: retarget(shot, body=shot.body + more))
        yield of("form", lambda shot: retarget(shot, body=shot.body + b"&a=b" * 30_000), fails=True)
        yield of("form", lambda shot: retarget(shot, body=b""), fails=True)
        for name in (b"NoSuchAction", b"", b"%00", target.operation.lower().encode()):
            yield of(
                "operation",
                lambda shot, name=name: retarget(shot, body=re.sub(rb"Action=\w+", b"Action=" + name, shot.body)),
                fails=True,
            )
        for version in (b"1999-01-01", b"", b"x"):
            yield of(
                "version",
                lambda shot, version=version: retarget(
                    shot, body=re.sub(rb"Version=[\d-]+", b"Version=" + version, shot.body, count=1)
                ),
            )
    else:
        yield from _rest_bodies(target, of)


def _rest_bodies(target: Target, of: Callable[..., Thunk]) -> Iterator[Thunk]:
    for path in (
        "//",
        "/..",
        "/../..",
        "/%2e%2e/",
        "/%00",
        "/%ff",
        "/%",
        "/%zz",
        "/bad-input/../x",
        "/" + "a" * 1100,
        "/.",
    ):
        yield of("path", lambda shot, path=path: retarget(shot, target=path + _query(shot)))
    for more in ("//", "/../there", "%2F..", "/", "%00", "%ff", "%", "+", "%20", "?acl", "#x", ";x=y", "é"):
        yield of("path", lambda shot, more=more: retarget(shot, target=_path(shot) + more + _query(shot)))
    for method in ("POST", "PUT", "DELETE", "GET", "HEAD", "PATCH", "OPTIONS"):
        yield of("method", lambda shot, method=method: retarget(shot, method=method))
    if target.protocol != "rest-xml":
        return
    for declared in ("x", "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "0" * 64, ""):
        yield of("digest", lambda shot, declared=declared: retarget(shot, headers={"x-amz-content-sha256": declared}))
    for document in XML:
        yield of("XML", lambda shot, document=document: retarget(shot, body=document))
    # What goes wrong inside a document that would be right.
    yield of("XML entity", lambda shot: retarget(shot, body=_BOMB + (shot.body or b"<a>&h;</a>")))
    for old, new in (
        (b">", b"><![CDATA[x]]>"),
        (b"</", b"&#0;</"),
        (b"</", b"&x;</"),
        (b"<", b"<?x?><"),
        (b"<", b"<x:"),
    ):
        yield of("XML inside", lambda shot, old=old, new=new: retarget(shot, body=shot.body.replace(old, new, 1)))
    yield of("XML root", lambda shot: retarget(shot, body=b"<NoSuchRoot>" + shot.body + b"</NoSuchRoot>"))
    yield of("XML twice", lambda shot: retarget(shot, body=shot.body * 2))
    yield of(
        "XML repeated", lambda shot: retarget(shot, body=re.sub(rb"<(\w+)>([^<]*)</\1>", rb"\g<0>\g<0>", shot.body))
    )
    yield of("XML cut", lambda shot: retarget(shot, body=shot.body[: len(shot.body) // 2]))


def _path(shot: Shot) -> str:
    return shot.target.partition("?")[0]


def _query(shot: Shot) -> str:
    query = shot.target.partition("?")[2]
    return f"?{query}" if query else ""


_BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;">' % (n + 1, *[n] * 8) for n in range(97, 104))
    + b"]>"
)
XML = (
    _BOMB + b"<Delete><Object><Key>&h;</Key></Object></Delete>",
    b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x"><a/>',
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&x;</Key></Object></Delete>',
    b'<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]><a/>',
    b"<a>" * 20_000,
    b"<a>" * 20_000 + b"</a>" * 20_000,
    b"<a " + b" ".join(b'b%d="c"' % number for number in range(5000)) + b"/>",
    b"<a><b></a></b>",
    b"<a/><b/>",
    b"<a",
    b"",
    b"   ",
    b"\x00",
    b"\xff\xfe<\x00a\x00/\x00>\x00",
    b'<?xml version="1.0" encoding="UTF-7"?>+ADw-a/+AD4-',
    b'<?xml version="1.0" encoding="no-such"?><a/>',
    b'<?xml version="9.9"?><a/>',
    b"<a>&#xD800;</a>",
    b"<a>&#0;</a>",
    b"<![CDATA[<a/>]]>",
    b"{}",
    b"<Delete/>",
    b"<Tagging><TagSet/></Tagging>",
    b"<CompleteMultipartUpload/>",
)


def _mangled(target: Target, rng: random.Random) -> Mutation:
    """Some bytes of the body, the target or a header are others."""
    shot = target.shot()
    body, goal = bytearray(shot.body), bytearray(shot.target.encode())
    for _ in range(rng.randint(1, 4)):
        if body and rng.random() < 0.7:
            place = rng.randrange(len(body))
            body[place : place + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
        elif target.protocol.startswith("rest") or rng.random() < 0.2:
            place = rng.randint(1, len(goal))
            goal[place : place + rng.randint(0, 2)] = rng.choice(
                (b"%", b"/", b"..", b"?", b"&", b"=", b"%2f", b"a", b";")
            )
        else:
            name = rng.choice(("content-type", "x-amz-target", "x-amz-odd", "accept", "content-encoding"))
            shot.headers[name] = "".join(rng.choice("abz/;=., *%\u00e9") for _ in range(rng.randint(0, 12)))
    shot.body, shot.target = bytes(body), goal.decode()
    return Mutation("mangled", TOP, shot)


def readable(mutation: Mutation, target: Target, answer: str) -> str:
    """A failure as it should be read."""
    return f"{target.id}: {mutation}\n    " + f"{mutation.shot}\n--> {answer}".replace("\n", "\n    ")


def members_of(body: bytes) -> dict[str, Any]:
    """A JSON object, or nothing."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
