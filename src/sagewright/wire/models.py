"""botocore's models of the services we answer for, loaded when first needed and corrected by ``data/patches.json``.

``data/served.json`` repeats the few facts that routing needs (signing name, target prefix, version), so that a server
starts without reading a model; a test holds it to the models. A patch is a JSON merge patch (RFC 7396) on the model:
``null`` removes. Today's patches name the root elements of S3's answers, which botocore leaves out because its own
parser ignores them, drop operations that are byte for byte the same request as a newer one, and leave to the tags' own
rules what the key of a tag may be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel, StructureShape


@dataclass(frozen=True, slots=True)
class Served:
    """A service we know: how a request for it is recognised, and what it calls an invalid member."""

    name: str
    signing_name: str
    protocols: tuple[str, ...]
    """The protocols we answer, the usual one first."""
    target_prefix: str = ""
    """What stands before the dot in ``X-Amz-Target``."""
    api_version: str = ""
    """``Version`` of the query protocol."""
    invalid: str = "ValidationException"
    """The error code of a broken constraint."""


def _data(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files("sagewright.wire") / "data" / name).read_bytes())
    return found


SERVED: Mapping[str, Served] = {
    name: Served(name, **{**facts, "protocols": tuple(facts["protocols"])})
    for name, facts in _data("served.json").items()
}
_loader = Loader()


@cache
def service_model(service: str) -> ServiceModel:
    """The model of ``service`` as botocore names it, patched. Raises ``KeyError`` for one that is not served."""
    SERVED[service]
    description = _loader.load_service_model(service, "service-2")
    return ServiceModel(_merge(description, _data("patches.json").get(service, {})), service)


def input_shape(service: str, operation: str) -> StructureShape:
    """The input of an operation that has one. Raises ``LookupError`` otherwise."""
    return _present(service_model(service).operation_model(operation).input_shape, operation)


def output_shape(service: str, operation: str) -> StructureShape:
    """The output of an operation that has one. Raises ``LookupError`` otherwise."""
    return _present(service_model(service).operation_model(operation).output_shape, operation)


def _present(shape: StructureShape | None, operation: str) -> StructureShape:
    if shape is None:
        raise LookupError(f"{operation} has no such shape")
    return shape


def _merge(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = _merge(merged.get(key, {}), value)
        else:
            merged[key] = value
    return merged
