"""EndpointConfig: what every noun promises."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, ClassVar

from botocore.exceptions import ClientError
from tests.kit.endpoints import SKLEARN

from sagewright.testing.nouns import NounCase


class TestEndpointConfig(NounCase):
    kind = "EndpointConfig"
    example: ClassVar[dict[str, Any]] = {
        "EndpointConfigName": "example",
        "ProductionVariants": [
            {
                "VariantName": "all",
                "ModelName": "of-the-case",
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "InitialVariantWeight": 2.0,
            }
        ],
        "Tags": [{"Key": "k", "Value": "v"}],
    }

    def prepare(self, client: Callable[..., Any]) -> None:
        with contextlib.suppress(ClientError):  # another test made it
            client("sagemaker").create_model(ModelName="of-the-case", PrimaryContainer={"Image": SKLEARN})
