"""EndpointConfig: which models an endpoint serves, on how many instances, with what share of the traffic."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.declaration import Noun, Refusal, require, require_unique
from sagewright.nouns.operations import Call
from sagewright.nouns.verbs import declare


def check(call: Call, request: Json) -> None:
    """Models that exist, variants named once."""
    require_unique("variant", (variant["VariantName"] for variant in request["ProductionVariants"]))
    for variant in request["ProductionVariants"]:
        if "ModelName" not in variant:
            raise ValidationException("ModelName is required: inference components are not supported yet.")
        require(call, "Model", variant["ModelName"])
        if "ServerlessConfig" not in variant and "InstanceType" not in variant:
            raise ValidationException(f"Variant {variant['VariantName']!r} needs InstanceType or ServerlessConfig.")


DEFAULTS: Json = {"ProductionVariants": [{"InitialVariantWeight": 1.0}], "EnableNetworkIsolation": False}
"""What AWS answers where a request said nothing."""

NOUN = declare(
    Noun(
        kind="EndpointConfig",
        path="endpoint-config/{name}",
        taken=Refusal('Cannot create already existing endpoint configuration "{arn}".'),
        missing=Refusal('Could not find endpoint configuration "{arn}".'),
        check=check,
        defaults=DEFAULTS,
    )
)
