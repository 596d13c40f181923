"""From an endpoint's name to a model server: pick a variant by weight, a worker by load, forward, translate errors.

The engine's threads change the routes; requests run on the gateway's event loop. The routes are a dictionary of
immutable values that is replaced whole on every change, so a request reads it without a lock.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from sagewright.core.errors import AwsError, ValidationError
from sagewright.serving.base import InvokeRequest, InvokeResponse
from sagewright.serving.metrics import VariantMetrics
from sagewright.serving.worker import NotSentError, Outcome, Reply, Worker, WorkerLostError, WorkerTimeoutError
from sagewright_runtime.shared import frames

_LONGEST_MESSAGE = 8192
_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)
_LOST = "An error occurred while handling request as the model process exited."


class EndpointKey(NamedTuple):
    """Which endpoint."""

    account: str
    region: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class WorkerAddress:
    """Where an instance's model server listens on this machine."""

    instance: str
    socket: Path


@dataclass(frozen=True, slots=True)
class Variant:
    """A production variant as it shall be routed to. A weight of 0 is reached by TargetVariant only."""

    name: str
    weight: float
    workers: tuple[WorkerAddress, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: an invocation's limit (SageMaker's 60), between two looks at a worker, and to answer a ping."""

    invoke: float = 60.0
    tend: float = 2.0
    ping: float = 10.0


class _Route:
    """One endpoint's variants and the running sums of their weights."""

    def __init__(self, variants: Sequence[Variant]) -> None:
        self.variants = {variant.name: variant for variant in variants}
        self._weighted = [variant for variant in variants if variant.weight > 0]
        self._sums = list(itertools.accumulate(variant.weight for variant in self._weighted))

    def pick(self) -> Variant | None:
        if len(self._weighted) == 1:
            return self._weighted[0]
        if not self._weighted:
            return None
        # Not for secrets: which variant answers may be guessed.
        point = random.random() * self._sums[-1]  # noqa: S311 - no secret
        return self._weighted[bisect.bisect(self._sums, point, hi=len(self._sums) - 1)]


class Router:
    """The ``Invoker`` over model servers.

    ``put``, ``drop``, ``health`` and ``drain_metrics`` may be called by any thread, the rest on the event loop.
    ``look`` is called in a thread for an endpoint that is not known, and may ``put`` it.
    """

    def __init__(self, timing: Timing | None = None, look: Callable[[EndpointKey], None] | None = None) -> None:
        self._timing = timing or Timing()
        self._look = look
        self._routes: dict[EndpointKey, _Route] = {}
        self._workers: dict[Path, Worker] = {}
        self._metrics: dict[tuple[EndpointKey, str], VariantMetrics] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._turn = 0
        self._retries: set[asyncio.Task[None]] = set()

    # routes, any thread

    def put(self, key: EndpointKey, variants: Sequence[Variant]) -> None:
        """Route ``key`` to ``variants`` from now on; what is in flight on workers no longer named is still answered."""
        self._change({key: _Route(variants)}, None)

    def drop(self, key: EndpointKey) -> None:
        """Forget ``key``; a key that is not known is no error."""
        self._change({}, key)

    def health(self, key: EndpointKey) -> Mapping[str, Mapping[str, bool]] | None:
        """For each variant of ``key``, which instances answer; None for an unknown key."""
        route = self._routes.get(key)
        if route is None:
            return None
        return {
            variant.name: {address.instance: self._is_healthy(address) for address in variant.workers}
            for variant in route.variants.values()
        }

    def drain_metrics(self) -> list[VariantMetrics]:
        """The counts since the last drain, for variants that were invoked."""
        with self._lock:
            drained, self._metrics = self._metrics, {}
        return list(drained.values())

    def _is_healthy(self, address: WorkerAddress) -> bool:
        worker = self._workers.get(address.socket)
        return worker is not None and worker.healthy

    def _change(self, added: Mapping[EndpointKey, _Route], dropped: EndpointKey | None) -> None:
        with self._lock:
            routes = {**self._routes, **added}
            if dropped is not None:
                routes.pop(dropped, None)
            self._routes = routes
            loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop closed meanwhile: nobody is left to be routed
                loop.call_soon_threadsafe(self._tend_once)

    # the event loop

    def start(self) -> None:
        """Begin to look after the workers, on the running event loop; the first ``invoke`` does so at the latest."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
        self._tend()

    def close(self) -> None:
        """Close all connections, on the event loop; what is in flight fails."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._loop = None
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()

    def ask(self, request: InvokeRequest, done: Callable[[InvokeResponse | Exception], None]) -> bool:
        """As ``Invoker.ask``. Raises ``AwsError`` for a request that no model server is to see."""
        started = time.perf_counter_ns()
        key = EndpointKey(request.account, request.region, request.endpoint)
        if self._loop is None or key not in self._routes:
            return False
        variant = self._variant(key, request)
        worker = next(iter(self._candidates(variant)), None)
        if worker is None or not worker.connected:
            return False
        answered = partial(self._answered, request, key, variant, started, done)
        try:
            worker.ask(_head(request), request.body, self._timing.invoke, answered)
        except frames.FrameError as error:
            raise _unsendable(error) from None
        return True

    def _answered(
        self,
        request: InvokeRequest,
        key: EndpointKey,
        variant: Variant,
        started: int,
        done: Callable[[InvokeResponse | Exception], None],
        outcome: Outcome,
    ) -> None:
        if isinstance(outcome, NotSentError) and self._loop is not None:  # another worker may have it
            retry = self._loop.create_task(self._again(request, done))
            self._retries.add(retry)
            retry.add_done_callback(self._retries.discard)
            return
        try:
            response: InvokeResponse | Exception = self._response(key, variant, started, outcome)
        except Exception as error:
            response = error
        done(response)

    async def _again(self, request: InvokeRequest, done: Callable[[InvokeResponse | Exception], None]) -> None:
        try:
            response: InvokeResponse | Exception = await self.invoke(request)
        except Exception as error:
            response = error
        done(response)

    async def invoke(
        self, request: InvokeRequest, part: Callable[[InvokeResponse], None] | None = None
    ) -> InvokeResponse:
        """Answer one request. Raises ``AwsError`` as the runtime API models it."""
        started = time.perf_counter_ns()
        if self._loop is None:
            self.start()
        key = EndpointKey(request.account, request.region, request.endpoint)
        if self._look is not None and key not in self._routes:
            await asyncio.to_thread(self._look, key)
        variant = self._variant(key, request)
        take = (lambda frame: part(_read(frame, variant))) if part else None
        try:
            outcome: Outcome = await self._call(variant, _head(request), request.body, take)
        except frames.FrameError as error:
            raise _unsendable(error) from None
        except (NotSentError, WorkerLostError, WorkerTimeoutError) as error:
            outcome = error
        return self._response(key, variant, started, outcome)

    def _response(self, key: EndpointKey, variant: Variant, started: int, outcome: Outcome) -> InvokeResponse:
        """Count ``outcome``, and make the client's answer of it. Raises ``AwsError``."""
        if isinstance(outcome, NotSentError):
            self._record(key, variant, 503, started, None)
            raise AwsError(
                f"No instance of variant {variant.name} is able to answer at this time.",
                code="ServiceUnavailable",
                status=503,
            )
        if not isinstance(outcome, Reply):
            self._record(key, variant, 0, started, time.perf_counter_ns() - started)
            message = _LOST if isinstance(outcome, WorkerLostError) else _TIMED_OUT
            raise _model_error(key, 0, message) from outcome
        frame = outcome.frame
        status = frame.code
        self._record(key, variant, status, started, outcome.latency)
        if not 200 <= status < 400:
            raise _model_error(key, status, frame.body.decode(errors="replace"))
        return _read(frame, variant)

    def _variant(self, key: EndpointKey, request: InvokeRequest) -> Variant:
        route = self._routes.get(key)
        if route is None:
            raise ValidationError(f"Endpoint {key.endpoint} of account {key.account} not found.")
        if request.target_model is not None:
            raise ValidationError(f"Endpoint {key.endpoint} is not a multi-model endpoint; TargetModel is not allowed.")
        if request.target_variant is not None:
            targeted = route.variants.get(request.target_variant)
            if targeted is None:
                raise ValidationError(f"Variant {request.target_variant} of endpoint {key.endpoint} not found.")
            return targeted
        picked = route.pick()
        if picked is None:
            raise ValidationError(f"Endpoint {key.endpoint} has no variant with a weight above 0.")
        return picked

    async def _call(
        self, variant: Variant, head: bytes, body: bytes, part: Callable[[frames.Frame], None] | None
    ) -> Reply:
        """Ask the variant's workers in turn, least loaded first, until one has the request. Raises ``NotSentError``."""
        for worker in self._candidates(variant):
            try:
                return await worker.call(head, body, self._timing.invoke, part)
            except NotSentError:
                continue
        raise NotSentError

    def _candidates(self, variant: Variant) -> list[Worker]:
        workers = [self._worker(address.socket) for address in variant.workers]
        if len(workers) > 1:
            # The sort is stable: start elsewhere each time, lest equals always yield the first.
            self._turn = (self._turn + 1) % len(workers)
            workers = workers[self._turn :] + workers[: self._turn]
            workers.sort(key=lambda worker: (worker.doubtful, worker.outstanding))
        return workers

    def _worker(self, socket: Path) -> Worker:
        worker = self._workers.get(socket)
        if worker is None or (worker.retired and not worker.outstanding):
            worker = self._workers[socket] = Worker(socket, asyncio.get_running_loop())
        worker.retired = False
        return worker

    def _tend(self) -> None:
        if self._loop is not None:
            self._tend_once()
            self._timer = self._loop.call_later(self._timing.tend, self._tend)

    def _tend_once(self) -> None:
        """Make and retire workers as the routes say, and check on each."""
        if self._loop is None:
            return
        routes = self._routes
        routed = {
            address.socket
            for route in routes.values()
            for variant in route.variants.values()
            for address in variant.workers
        }
        for socket in routed:
            self._worker(socket)
        for socket, worker in list(self._workers.items()):
            if socket not in routed:
                worker.retire()
                if not worker.outstanding:
                    del self._workers[socket]
            worker.tend(self._timing.ping)

    def _record(self, key: EndpointKey, variant: Variant, status: int, started: int, latency: int | None) -> None:
        total = time.perf_counter_ns() - started
        with self._lock:
            metrics = self._metrics.get((key, variant.name))
            if metrics is None:
                metrics = self._metrics[(key, variant.name)] = VariantMetrics(*key, variant.name)
            metrics.record(status, None if latency is None else latency / 1000, total / 1000)


def _head(request: InvokeRequest) -> bytes:
    """The headers a model server gets. Raises ``FrameError``."""
    if request.custom_attributes is None and request.inference_id is None:
        return _plain_head(request.content_type, request.accept)
    headers = {frames.CONTENT_TYPE: request.content_type, frames.ACCEPT: request.accept}
    if request.custom_attributes is not None:
        headers[frames.CUSTOM_ATTRIBUTES] = request.custom_attributes
    if request.inference_id is not None:
        headers[frames.INFERENCE_ID] = request.inference_id
    return frames.encode_headers(headers)


@lru_cache(maxsize=256)
def _plain_head(content_type: str, accept: str) -> bytes:
    return frames.encode_headers({frames.CONTENT_TYPE: content_type, frames.ACCEPT: accept})


def _unsendable(error: frames.FrameError) -> ValidationError:
    return ValidationError(f"The request cannot be sent to the model: {error}")


def _read(frame: frames.Frame, variant: Variant) -> InvokeResponse:
    headers = frames.decode_headers(frame.head)
    attributes = headers.get(frames.CUSTOM_ATTRIBUTES)
    return InvokeResponse(
        frame.body,
        _header_value(headers.get(frames.CONTENT_TYPE, "application/octet-stream")),
        variant.name,
        None if attributes is None else _header_value(attributes),
    )


def _header_value(text: str) -> str:
    """What user code gave as a header, fit to be sent as one."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if character.isascii() and character.isprintable() else "?" for character in text)


def _model_error(key: EndpointKey, status: int, original: str) -> AwsError:
    """ModelError in AWS's words; status 0 where the model server gave none."""
    if len(original) > _LONGEST_MESSAGE:
        original = original[:_LONGEST_MESSAGE] + "…"
    side = "client" if 400 <= status < 500 else "server"
    group = f"/aws/sagemaker/Endpoints/{key.endpoint}"
    return AwsError(
        f'Received {side} error ({status}) from primary with message "{original}". See '
        f"https://{key.region}.console.aws.amazon.com/cloudwatch/home?region={key.region}#logEventViewer:group={group} "
        f"in account {key.account} for more information.",
        code="ModelError",
        status=424,
        OriginalStatusCode=status,
        OriginalMessage=original,
        LogStreamArn=f"arn:aws:logs:{key.region}:{key.account}:log-group:{group}",
    )
