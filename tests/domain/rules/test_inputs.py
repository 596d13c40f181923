"""What targets are given of events."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.domain.rules.inputs import at, check, payload

EVENT: dict[str, Any] = {
    "source": "aws.sagemaker",
    "detail": {"name": 'a "quoted" name', "version": 3, "list": [{"x": 1}, {"x": 2}], "odd key": True},
}
ABOUT = {"aws.events.rule-name": "approved", "aws.events.rule-arn": "arn:rule"}


def transformer(template: str, **paths: str) -> dict[str, Any]:
    return {"Id": "1", "InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", EVENT),
        ("$.source", "aws.sagemaker"),
        ("$.detail.version", 3),
        ("$.detail.list[1].x", 2),
        ("$.detail.list[9].x", None),
        ("$.detail['odd key']", True),
        ("$.nothing.here", None),
    ],
)
def test_a_path_leads_to_a_value(path: str, value: Any) -> None:
    assert at(path, EVENT) == value


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ({"Id": "1"}, EVENT),
        ({"Id": "1", "Input": '{"a": 1}'}, {"a": 1}),
        ({"Id": "1", "InputPath": "$.detail.version"}, 3),
        (transformer('"version <v> of <n>"', v="$.detail.version", n="$.detail.name"), 'version 3 of a "quoted" name'),
        (
            transformer('{"v": <v>, "all": <l>}', v="$.detail.version", l="$.detail.list"),
            {"v": 3, "all": [{"x": 1}, {"x": 2}]},
        ),
        (transformer('{"missing": <m>, "text": "<m>"}', m="$.no"), {"missing": None, "text": ""}),
        (
            transformer('{"rule": <aws.events.rule-name>, "event": <aws.events.event>}'),
            {"rule": "approved", "event": EVENT},
        ),
    ],
)
def test_a_target_gets_its_part(target: dict[str, Any], value: Any) -> None:
    check(target)
    assert payload(target, EVENT, ABOUT) == value


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"Id": "1", "Input": "{}", "InputPath": "$"}, "Only one of"),
        ({"Id": "1", "Input": "{"}, "Input"),
        ({"Id": "1", "InputPath": "detail"}, "InputPath"),
        (transformer('"<x>"', x="detail"), "no path"),
        (transformer('"<y>"', x="$.detail"), "not defined"),
        (transformer("{<x>", x="$.detail"), "InputTemplate"),
        (transformer('"<aws.x>"', **{"aws.x": "$"}), "not allowed"),
    ],
)
def test_what_is_wrong_with_an_input_is_said(target: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check(target)
