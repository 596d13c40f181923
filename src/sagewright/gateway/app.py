"""The application behind the server: every AWS service on one port, and a few routes of our own.

``handle`` is the way of all requests but one; its steps, one function each, are in ``steps``. InvokeEndpoint takes
the short way of ``invoke``, on the event loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from sagewright.core.errors import AwsError, InternalFailure
from sagewright.core.ids import request_id
from sagewright.gateway import steps
from sagewright.gateway.hub import ClientGone, FastPath
from sagewright.gateway.invoke import Invocations
from sagewright.kernel.platform import Platform
from sagewright.serving.base import Invoker
from sagewright.wire.codec import serialise_error
from sagewright.wire.http import Request, Response
from sagewright.wire.routing import Route

log = logging.getLogger(__name__)
HEALTH = "/_sagewright/health"
Internal = Mapping[str, Callable[[Request], Response]]


class Gateway:
    """HTTP in, operation, HTTP out. ``internal`` maps paths to our own unsigned routes, such as the reset."""

    def __init__(self, platform: Platform, invoker: Invoker, internal: Internal) -> None:
        self._platform = platform
        self._internal: Internal = {HEALTH: _health, **internal}
        self.fast: FastPath = Invocations(platform, invoker).fast_path()

    def handle(self, request: Request) -> Response:
        """Answer one request; whatever goes wrong is answered in AWS's form. Raises ``ClientGone`` only."""
        own = self._internal.get(request.path)
        if own is not None:
            return own(request) if request.method == "GET" or "origin" not in request.headers else _not_from_pages()
        identifier = request_id()
        route: Route | None = None
        try:
            route, claim = steps.identify(request)
            caller = steps.authenticate(request, route, claim, self._platform)
            parameters = steps.read(request, route)
            call = steps.call(request, route, caller, identifier, self._platform)
            call = steps.authorize(call, parameters)
            handler = steps.find(route)
            return steps.answer(route, handler(call, parameters), identifier)
        except ClientGone:
            raise
        except AwsError as error:
            return serialise_error(route, error, identifier, request)
        except Exception:
            return self._failed(request, route, identifier)

    def _failed(self, request: Request, route: Route | None, identifier: str) -> Response:
        name = f"{route.service}:{route.operation.name}" if route else "an unknown operation"
        log.exception("%s failed (%s %s, request %s)", name, request.method, request.raw_path, identifier)
        error = InternalFailure(f"We made a mistake. The server's log has the cause under request {identifier}.")
        return serialise_error(route, error, identifier, request)


def _health(_request: Request) -> Response:
    return Response(200, {"content-type": "application/json"}, b'{"status":"ok"}')


def _not_from_pages() -> Response:
    """Our own routes are unsigned, and any web page can make a browser post to this machine."""
    return Response(403, {"content-type": "application/json"}, b'{"message":"not for web pages"}')
