"""What the gateway asks of the serving side: one invocation in, one answer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class InvokeRequest:
    """A verified InvokeEndpoint call. ``body`` is untouched; ``headers`` are the request's, names in lower case."""

    account: str
    region: str
    endpoint: str
    body: bytes
    content_type: str
    accept: str
    target_variant: str | None
    custom_attributes: str | None
    inference_id: str | None
    target_model: str | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class InvokeResponse:
    """The model's answer, and the production variant that gave it."""

    body: bytes
    content_type: str
    variant: str
    custom_attributes: str | None = None


class Invoker(Protocol):
    """Routes an invocation to a model server. Called on the gateway's event loop, so it must never block.

    Raises ``AwsError``: ``ModelError`` (424, with members ``OriginalStatusCode``, ``OriginalMessage``,
    ``LogStreamArn``), ``ValidationError``, ``ServiceUnavailable`` (503), ``ModelNotReadyException`` (429) as in
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
    """

    def ask(self, request: InvokeRequest, done: Callable[[InvokeResponse | Exception], None]) -> bool:
        """Send ``request`` on, if that takes no waiting: then True, and ``done`` is called once, with the answer or
        with what ``invoke`` would raise. False, and nothing done, where ``invoke`` has to be awaited instead.
        """
        ...

    async def invoke(
        self, request: InvokeRequest, part: Callable[[InvokeResponse], None] | None = None
    ) -> InvokeResponse:
        """Answer ``request``; ``part``, where given, takes the pieces that come before the last."""
        ...
