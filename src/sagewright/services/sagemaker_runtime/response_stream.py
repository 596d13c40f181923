"""InvokeEndpointWithResponseStream: the model's answer in parts, as the model gives them.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagewright.nouns.operations import Call, operation
from sagewright.serving.base import InvokeRequest

Json = dict[str, Any]


@operation("sagemaker-runtime", "InvokeEndpointWithResponseStream")
def invoke_endpoint_with_response_stream(call: Call, request: Json) -> Json:
    stream = call.platform.streams.open(
        InvokeRequest(
            account=call.account,
            region=call.region,
            endpoint=request["EndpointName"],
            body=request["Body"],
            content_type=request.get("ContentType", ""),
            accept=request.get("Accept", ""),
            target_variant=request.get("TargetVariant"),
            custom_attributes=request.get("CustomAttributes"),
            inference_id=request.get("InferenceId"),
            target_model=None,
            headers=call.http.headers,
        )
    )
    return {
        "Body": _events(stream.parts),
        "ContentType": stream.head.content_type,
        "InvokedProductionVariant": stream.head.variant,
        "CustomAttributes": stream.head.custom_attributes,
    }


def _events(parts: Iterator[bytes]) -> Iterator[Json]:
    for part in parts:
        yield {"PayloadPart": {"Bytes": part}}
