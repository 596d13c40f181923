"""A valid value for any shape, by the member's name where the value must mean something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagewright.wire.validation import violations

_CANDIDATES = (
    "example",
    "Example value",
    "10",
    "123456",
    "123456789012",
    "/",
    "/a/",
    "a/b",
    "v1",
    "512K",
    "fs-0123456789abcdef0",
    "s3://bad-input/there",
    "https://git.example.com/a.git",
    "arn:aws:iam::123456789012:role/SagewrightExecutionRole",
    "arn:aws:sagemaker:us-east-1:123456789012:model/example",
    "arn:aws:sagemaker:us-east-1:123456789012:training-plan/example-of-a-plan",
    "arn:aws:sagemaker:us-east-1:123456789012:model-package/example/1",
    "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/example",
    "arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/example",
    "arn:aws:sagemaker:us-east-1:123456789012:hub-content/example/Model/example/1.0.0",
    "arn:aws:sagemaker:us-east-1:123456789012:hub-content/example/DataSet/example/1.0.0",
    "arn:aws:sns:us-east-1:123456789012:topic",
    "arn:aws:lambda:us-east-1:123456789012:function:f",
    "mig-1g.5gb",
    "text/csv",
    "A" * 16,
    '{"Version":"2012-10-17","Statement":[]}',
)


class NoSample(LookupError):
    """No candidate keeps the shape's constraints."""


def sample(shape: Shape, name: str, names: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that keeps the model's constraints. Raises ``NoSample``."""
    if name in names and _fits(shape, names[name]):
        return names[name]
    if isinstance(shape, StructureShape):
        return _structure(shape, names, depth)
    if isinstance(shape, ListShape):
        count = max(1, shape.metadata.get("min", 0))
        return [sample(shape.member, name.removesuffix("s"), names, depth + 1)] * count
    if isinstance(shape, MapShape):
        key = sample(shape.key, "Key", {}, depth + 1)
        return {key: sample(shape.value, "Value", names, depth + 1)}
    return _scalar(shape)


def _structure(shape: StructureShape, names: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if depth > 8:
        raise NoSample(shape.name)
    wanted = list(shape.required_members)
    if shape.is_tagged_union or (not wanted and depth):
        wanted = list(shape.members)[:1]
    return {name: sample(shape.members[name], name, names, depth + 1) for name in wanted}


def _scalar(shape: Shape) -> Any:
    kind, model = shape.type_name, shape.metadata
    if kind == "boolean":
        return False
    if kind == "timestamp":
        return "Wed, 11 Nov 2026 00:00:00 GMT" if "location" in shape.serialization else 1_700_000_000
    if kind == "blob":
        return b"x" * max(1, model.get("min", 0))
    if kind in ("integer", "long", "float", "double"):
        return max(1, model.get("min", 1)) if model.get("max", 1) >= 1 else model["max"]
    if model.get("enum"):
        return model["enum"][0]
    padded = "a" * max(1, model.get("min", 0))
    found = next((text for text in (*_CANDIDATES, padded) if _fits(shape, text)), None)
    if found is None:
        raise NoSample(f"{shape.name} {model}")
    return found


def _fits(shape: Shape, value: Any) -> bool:
    kinds = {"structure": dict, "map": dict, "list": list, "string": str, "blob": bytes, "boolean": bool}
    expected = kinds.get(shape.type_name, (int, float, str))
    return isinstance(value, expected) and not violations(shape, value)
