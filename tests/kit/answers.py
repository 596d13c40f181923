"""Answers held to the shape of their operation's output."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

_KINDS: dict[str, Any] = {"string": str, "boolean": bool, "timestamp": (int, float, datetime)}


def hold_to_the_model(client: Any) -> Any:
    """A boto3 client that fails where an answer lacks what its shape requires."""
    client.meta.events.register("after-call", _check)
    return client


def _check(model: OperationModel, parsed: dict[str, Any], http_response: Any, **_: Any) -> None:
    if http_response.status_code < 300 and model.output_shape is not None:
        parts = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
        wrong = lacking(model.output_shape, parts)
        assert not wrong, f"the answer to {model.name} lacks {wrong}: {parts}"


def lacking(shape: Shape, value: Any, path: str = "") -> list[str]:
    """The required members that a value of the shape does not have."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        own = [f"{path}.{name}" for name in shape.required_members if value.get(name) is None]
        inner = [each for name in value if name in shape.members for each in _within(shape, value, name, path)]
        return own + inner
    if isinstance(shape, ListShape):
        return [missing for each in value for missing in lacking(shape.member, each, f"{path}[]")]
    if isinstance(shape, MapShape):
        return [missing for each in value.values() for missing in lacking(shape.value, each, f"{path}{{}}")]
    return []


def _within(shape: StructureShape, value: dict[str, Any], name: str, path: str) -> list[str]:
    return lacking(shape.members[name], value[name], f"{path}.{name}") if value[name] is not None else []


def foreign(shape: Shape, value: Any, path: str = "") -> list[str]:
    """The members of a handler's answer that the model lacks, and values of another kind than the model's."""
    if isinstance(shape, StructureShape):
        unknown = [f"{path}.{name} is not in the model" for name in value if name not in shape.members]
        known = [name for name in value if name in shape.members]
        return unknown + [w for name in known for w in foreign(shape.members[name], value[name], f"{path}.{name}")]
    if isinstance(shape, ListShape):
        return [wrong for each in value for wrong in foreign(shape.member, each, f"{path}[]")]
    if isinstance(shape, MapShape):
        return [wrong for each in value.values() for wrong in foreign(shape.value, each, f"{path}{{}}")]
    fits = isinstance(value, _KINDS.get(shape.type_name, (int, float)))
    return [] if fits else [f"{path} is a {type(value).__name__}"]
