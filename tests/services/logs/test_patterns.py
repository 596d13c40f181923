"""The filter-pattern language, asked of the server: which messages match, and what a pattern takes out of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def logs(client: Callable[..., Any]) -> Any:
    return client("logs")


def matches(logs: Any, pattern: str, *messages: str) -> list[int]:
    """The places of those that match."""
    answer = logs.test_metric_filter(filterPattern=pattern, logEventMessages=messages)
    return [match["eventNumber"] - 1 for match in answer["matches"]]


WORDS = ["[ERROR 400] BAD REQUEST", "[ERROR 401] UNAUTHORIZED", "[WARN 419] MISSING", "[INFO] ok", "error 500"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("ERROR", [0, 1]),
        ('ERROR "BAD REQUEST"', [0]),
        ("?ERROR ?WARN", [0, 1, 2]),
        ("?ERROR ?WARN 419", [2]),
        ("ERROR -400", [1]),
        ("-ERROR", [2, 3, 4]),
        ("%4[01]\\d%", [0, 1, 2]),
        ("%^error% 500", [4]),
        ("-%4\\d\\d%", [3, 4]),
        ("?%WARN \\d+% ?ok", [2, 3]),
    ],
)
def test_words(logs: Any, pattern: str, found: list[int]) -> None:
    assert matches(logs, pattern, *WORDS) == found


EVENT = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "enabled": True}, {"name": "b", "enabled": False}],
    "SomeObject": None,
    "cluster.name": "c",
    "latency": 1500,
    "ratio": 1e-3,
    "code": "404",
    "user": {"id": 1, "email": "John.Doe@example.com", "deep": {"a-b": "x y"}},
    "other": {"id": 2},
    "flag": True,
}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ('{ $.eventType = "Update*" }', True),
        ("{ $.eventType = *Trail }", True),
        ("{ $.eventType = Update }", False),
        ('{ $.eventType != "UpdateTrail" }', False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress = 111.111.* }", True),
        ("{ $.sourceIPAddress = %^1+\\.1% }", True),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[1] = "value" }', False),
        ('{ $.arrayKey[*] = "another value" }', True),
        ("{ $.objectList[1].enabled IS FALSE }", True),
        ("{ $.objectList[*].enabled IS TRUE }", True),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.eventType IS NULL }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.SomeObject EXISTS }", True),
        ("{ $.missing != 1 }", False),
        ("{ $.latency > 1000 }", True),
        ("{ $.latency >= 1500 && $.latency <= 1.5e3 }", True),
        ("{ $.latency < 1500 }", False),
        ("{ $.latency = 1500.0 }", True),
        ("{ $.ratio = 1e-3 }", True),
        ("{ $.code = 404 }", True),
        ("{ $.code >= 400 && $.code < 500 }", True),
        ("{ $.flag = 1 }", False),
        ("{ $.flag = true }", True),
        ('{ $.["cluster.name"] = "c" }', True),
        ("{ $['cluster.name'] = c }", True),
        ("{ $.*.id = 2 }", True),
        ('{ $.user.deep.a-b = "x y" }', True),
        ('{ ($.user.id = 1) && ($.user.email = "John.Doe@example.com") }', True),
        ('{ ($.user.id = 2 && $.eventType = "nonmatch") || $.objectList[1].name = b }', True),
        ("{ $.user.id = 2 || $.user.id = 3 && $.latency > 0 }", False),
        ("{ $.user.id = 1 || $.user.id = 3 && $.latency < 0 }", True),
        ("{ ($.user.id = 1 || $.user.id = 3) && $.latency < 0 }", False),
        ("{$.user.id=1&&$.latency>1}", True),
    ],
)
def test_json(logs: Any, pattern: str, found: bool) -> None:
    assert (matches(logs, pattern, json.dumps(EVENT), "no JSON", "[1]", "{broken") == [0]) is found


LINE = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[ip, server, username, timestamp, request, status_code, bytes]", True),
        ("[ip, server, username, timestamp, request, status_code]", False),
        ("[ip, server, username, timestamp, request =*.html*, status_code = 4*, bytes]", True),
        ("[ip, server, username, timestamp, request, status_code = 404, bytes > 1000]", True),
        ("[ip, server, username, timestamp, request, status_code = 5*, bytes]", False),
        ("[..., status_code = 404, bytes]", True),
        ("[ip = 127.0.0.*, ...]", True),
        ("[ip, server = Prod, ..., bytes < 1000]", False),
        ("[ip=%127\\.0\\.0\\.[1-9]%, ...]", True),
        ('[..., request = "GET /index.html HTTP/1.0", status_code, bytes]', True),
        ("[..., status_code = 400 || status_code = 404, bytes]", True),
        ("[..., status_code != 404 && status_code != 400, bytes]", False),
        ("[, , , , , , , ]", False),
        ("[...]", True),
    ],
)
def test_fields(logs: Any, pattern: str, found: bool) -> None:
    assert (matches(logs, pattern, LINE) == [0]) is found


def test_what_a_pattern_takes_out(logs: Any) -> None:
    def extracted(pattern: str, message: str) -> dict[str, str]:
        (match,) = logs.test_metric_filter(filterPattern=pattern, logEventMessages=[message])["matches"]
        return dict(match["extractedValues"])

    assert extracted("{ $.user.id = 1 && $.flag IS TRUE }", json.dumps(EVENT)) == {"$.user.id": "1", "$.flag": "true"}
    taken = extracted("[ip, ..., status, bytes]", LINE)
    assert taken == {"$ip": "127.0.0.1", "$status": "404", "$bytes": "1534"}


@pytest.mark.parametrize(
    "pattern",
    [
        "{",
        "{}",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a = 1",
        "{ $.a > x }",
        "{ $.a = 1 } x",
        "{ $.a IS MAYBE }",
        "{ a = 1 }",
        "{ $.a = 1 && }",
        "{ $.a NOT 1 }",
        "{ " + "(" * 50 + "$.a = 1" + ")" * 50 + " }",
        "[a",
        "[a, a]",
        "[a = 1 || b = 2]",
        "[..., ...]",
        "[a b]",
        '"open',
        "%(%",
        "%a% %b% %c%",
        "x" * 1025,
    ],
)
def test_patterns_that_make_no_sense(logs: Any, pattern: str) -> None:
    with pytest.raises(ClientError) as error:
        matches(logs, pattern, "x")
    assert error.value.response["Error"]["Code"] == "InvalidParameterException"


def test_an_expression_that_never_ends_is_refused(logs: Any) -> None:
    with pytest.raises(ClientError, match="takes too long"):
        matches(logs, "%(a|aa)+$%", "a" * 200 + "c")


LONG = 200_000
SQUARES = {
    "wildcards in JSON": (
        '{ $.a = "' + "*a" * 480 + '*b" }',
        json.dumps({"a": "a" * LONG}),
        json.dumps({"a": "a" * LONG + "b"}),
    ),
    "wildcards in fields": ("[x = " + "*a" * 480 + "*b]", "a" * LONG, "a" * LONG + "b"),
    "a number that is none": ("[x = 1]", "1" * LONG + "x", "1.0"),
    "a fraction that is none": ("{ $.a < 1 }", json.dumps({"a": "0." + "0" * LONG + "x"}), '{"a": "0.5"}'),
    "brackets that nothing closes": ("[..., x = b]", "[ " * (LONG // 2), "[ b"),
    "quotes that nothing closes": ("[..., x = b]", '"\\" ' * (LONG // 4), '"\\" b'),
}


@pytest.mark.parametrize("kind", SQUARES)
def test_the_time_of_a_pattern_grows_with_the_text_and_no_faster(logs: Any, kind: str) -> None:
    """Where it grows with a power of it, the answer never comes."""
    pattern, other, fitting = SQUARES[kind]
    assert matches(logs, pattern, *[other] * 4, fitting) == [4]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a*", [0, 1, 2]),
        ("*c", [1, 2]),
        ("a*b*c", [2]),
        ("*", [0, 1, 2, 3]),
        ("a**c", [1, 2]),
        ("aba*aba", []),
        ("*x*", [3]),
    ],
)
def test_wildcards(logs: Any, pattern: str, found: list[int]) -> None:
    assert (
        matches(logs, f'{{ $.a = "{pattern}" }}', *[json.dumps({"a": text}) for text in ("aba", "ac", "abbc", "x\ny")])
        == found
    )


PIECES = ["{", "}", "[", "]", "(", ")", "$.a", "$", "=", "!=", ">", "&&", "||", "...", ",", '"x"', '"', "%a%", "%", "1"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from([*PIECES, "IS", "NULL", "EXISTS", "NOT", "*", "-", "?", "\\"]), max_size=12))
def test_no_pattern_breaks_the_server(logs: Any, pieces: list[str]) -> None:
    try:
        matches(logs, " ".join(pieces), '{"a": 1}', "a 1")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidParameterException"  # noqa: PT017 - both ends are right
