"""EndpointConfig: which models an endpoint serves, on how many instances, with what share of the traffic."""

from __future__ import annotations

from typing import Any

from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import Noun, Refusal
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare

Json = dict[str, Any]


def check(call: Call, request: Json) -> None:
    """Models that exist, variants named once."""
    names: set[str] = set()
    for variant in request["ProductionVariants"]:
        if variant["VariantName"] in names:
            raise ValidationException(
                f"Duplicate variant name {variant['VariantName']!r}: variant names must be unique."
            )
        names.add(variant["VariantName"])
        if "ModelName" not in variant:
            raise ValidationException("ModelName is required: inference components are not supported yet.")
        if call.platform.resources.get(call.account, call.region, "Model", variant["ModelName"]) is None:
            arn = f"arn:aws:sagemaker:{call.region}:{call.account}:model/{variant['ModelName']}"
            raise ValidationException(f'Could not find model "{arn}".')
        if "ServerlessConfig" not in variant and "InstanceType" not in variant:
            raise ValidationException(f"Variant {variant['VariantName']!r} needs InstanceType or ServerlessConfig.")


NOUN = declare(
    Noun(
        kind="EndpointConfig",
        path="endpoint-config/{name}",
        taken=Refusal('Cannot create already existing endpoint configuration "{arn}".'),
        missing=Refusal('Could not find endpoint configuration "{arn}".'),
        check=check,
    )
)
