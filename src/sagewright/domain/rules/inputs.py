"""What a target is given of an event: all of it, a part, a constant, or a text made of its parts.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_PATH = re.compile(r"\$(?:\.[\w-]+|\[\d{1,6}\]|\['[^']+'\])*")
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]|\['([^']+)'\]")
_PLACE = re.compile(r"<([\w.-]+)>")
RESERVED = ("aws.events.rule-arn", "aws.events.rule-name", "aws.events.event.ingestion-time", "aws.events.event.json")
EVENT = "aws.events.event"
WAYS = ("Input", "InputPath", "InputTransformer")


def is_path(text: str) -> bool:
    """Whether a text is a path into an event, such as ``$.detail.items[0]``."""
    return _PATH.fullmatch(text) is not None


def at(path: str, event: Any) -> Any:
    """The value at a path; None where there is none. Raises ``ValueError`` for a text that is no path."""
    if not is_path(path):
        raise ValueError(f"{path!r} is no path such as $.detail.name")
    value = event
    for name, number, quoted in _STEP.findall(path):
        if number:
            value = value[int(number)] if isinstance(value, list) and int(number) < len(value) else None
        else:
            value = value.get(name or quoted) if isinstance(value, Mapping) else None
    return value


def check(target: Mapping[str, Any]) -> None:
    """Raises ``ValueError`` that says what is wrong with a target's Input, InputPath or InputTransformer."""
    if sum(name in target for name in WAYS) > 1:
        raise ValueError(f"Only one of {', '.join(WAYS)} must be provided for target {target['Id']}.")
    if "Input" in target:
        _loaded(target["Input"], "Input")
    if "InputPath" in target and not is_path(target["InputPath"]):
        raise ValueError(f"Invalid InputPath for target {target['Id']}.")
    transformer = target.get("InputTransformer", {})
    names = transformer.get("InputPathsMap", {})
    for name, path in names.items():
        if name.startswith("aws.") or not _PLACE.fullmatch(f"<{name}>"):
            raise ValueError(f"Invalid InputPathsMap for target {target['Id']}: the name {name!r} is not allowed.")
        if not is_path(path):
            raise ValueError(f"Invalid InputPathsMap for target {target['Id']}: {path!r} is no path.")
    if transformer:
        for name in _PLACE.findall(transformer["InputTemplate"]):
            if name not in (*names, *RESERVED, EVENT):
                raise ValueError(
                    f"Invalid InputTemplate for target {target['Id']} : "
                    f"[Template placeholder {name!r} is not defined in InputPathsMap.]"
                )
        _filled(transformer["InputTemplate"], dict.fromkeys((*names, *RESERVED, EVENT), "x"))


def payload(target: Mapping[str, Any], event: Mapping[str, Any], about: Mapping[str, Any]) -> Any:
    """What the target is given. ``about`` has the values of the ``RESERVED`` names."""
    if "Input" in target:
        return json.loads(target["Input"])
    if "InputPath" in target:
        return at(target["InputPath"], event)
    if "InputTransformer" in target:
        transformer = target["InputTransformer"]
        values = {name: at(path, event) for name, path in transformer.get("InputPathsMap", {}).items()}
        whole = {EVENT: event, "aws.events.event.json": event}
        return _filled(transformer["InputTemplate"], {**values, **whole, **about})
    return event


def _filled(template: str, values: Mapping[str, Any]) -> Any:
    """The template with values in their places: as JSON, and inside a string as text."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', template)
    text = ""
    for part in parts:
        inside = part.startswith('"')

        def put(place: re.Match[str], inside: bool = inside) -> str:
            value = values.get(place[1])
            if not inside:
                return json.dumps(value)
            plain = value if isinstance(value, str) else "" if value is None else json.dumps(value)
            return json.dumps(plain)[1:-1]

        text += _PLACE.sub(put, part)
    return _loaded(text, "InputTemplate")


def _loaded(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"JSON syntax error in {what}.") from None
