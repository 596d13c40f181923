"""What can be wrong with a request as a whole: its headers, its target, its body as text."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

from tests.contract.bad_input.cases import TOP, Mutation, Target, Thunk
from tests.contract.bad_input.wire import CBOR, Shot, retarget


def whole(target: Target, rng: random.Random) -> Iterator[Thunk]:
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
    elif protocol == CBOR:
        yield from _cbor_bodies(target, of)
    else:
        yield from _rest_bodies(target, of)


def _cbor_bodies(target: Target, of: Callable[..., Thunk]) -> Iterator[Thunk]:
    required = bool(target.shape is not None and target.shape.required_members)
    for body in ("80", "6178", "01", "f6", "f7", "a1", "bf", "bf01", "a10102", "a1f660", "ff", "1c", "d81c80", "c100"):
        yield of("body", lambda shot, body=body: retarget(shot, body=bytes.fromhex(body)), fails=True)
    for body in (b"{}", b"\x9f" * 200_000, b"\xa1\x61a" * 100_000, b"\xbb" + b"\xff" * 8, b"\x5b" + b"\x7f" * 8):
        yield of("body", lambda shot, body=body: retarget(shot, body=body), fails=True)
    for body in (b"", b"\xa0", b"\xbf\xff"):
        yield of("body", lambda shot, body=body: retarget(shot, body=body), fails=required)
    yield of("body", lambda shot: retarget(shot, body=shot.body[: len(shot.body) // 2] or b"\xa1"), fails=True)
    yield of("body", lambda shot: retarget(shot, body=shot.body + b"\x00"), fails=True)
    for path in (
        "/service/NoSuchService/operation/ListMetrics",
        "/service//operation/",
        "/service/GraniteServiceVersion20100801/operation/NoSuchOperation",
        "/service/GraniteServiceVersion20100801/operation/../x",
        "/service/GraniteServiceVersion20100801/operation/%00",
        "/",
    ):
        yield of("operation", lambda shot, path=path: retarget(shot, target=path), fails=True)
    for name in ("rpc-v2-json", "", "x" * 2000):
        yield of("protocol", lambda shot, name=name: retarget(shot, headers={"smithy-protocol": name}), fails=True)
    yield of("method", lambda shot: retarget(shot, method="DELETE"))


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


def mangled(target: Target, rng: random.Random) -> Mutation:
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
