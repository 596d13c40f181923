"""The public test cases of AWS's wire protocols, as botocore's source archive has them: what was sent, what it means.

``make`` fetches them (``scripts/protocol_cases.py``); they are read from there and never copied.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from tests.kit.client_environments import made

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a file, with the operation that its suite describes."""

    id: str
    operation: OperationModel
    protocol: str
    facts: Json

    @property
    def binary(self) -> bool:
        """Whether bodies are written as base64."""
        return self.protocol == "smithy-rpc-v2-cbor"

    def body(self, message: Json) -> bytes:
        text = message.get("body", "")
        return base64.b64decode(text) if self.binary else text.encode()


def cases(direction: str, name: str) -> Iterator[Case]:
    """The cases of one file, such as ``input`` of ``rest-json``."""
    for suite in json.loads((made("protocols/cases") / direction / f"{name}.json").read_bytes()):
        for case in suite["cases"]:
            given = case["given"]
            if suite["metadata"]["protocol"] == "query" and "output" in given:
                given["output"]["resultWrapper"] = f"{given['name']}Result"  # as real models say
            metadata = {"xmlNamespace": "https://example.com/", **suite["metadata"]}
            model = ServiceModel({**suite, "metadata": metadata, "operations": {given["name"]: given}}, "cases")
            operation = model.operation_model(given["name"])
            yield Case(case["id"], operation, suite["metadata"]["protocol"], case)


def value_of(shape: Shape | None, value: Any) -> Any:
    """What the JSON of a case stands for: blobs as bytes, words for floats as floats, null members as absent."""
    if value is None or shape is None or (isinstance(shape, StructureShape) and shape.is_document_type):
        return value
    if isinstance(shape, StructureShape):
        return {name: value_of(shape.members.get(name), item) for name, item in value.items() if item is not None}
    if isinstance(shape, ListShape):
        return [value_of(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {name: value_of(shape.value, item) for name, item in value.items()}
    read = {"blob": str.encode, "float": float, "double": float}.get(shape.type_name)
    return read(value) if read else value
