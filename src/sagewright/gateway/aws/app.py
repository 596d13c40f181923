"""The application behind the server: every AWS service on one port, and a few routes of our own.

``handle`` is the way of all requests but one; its steps, one function each, are in ``steps``. InvokeEndpoint takes
the short way of ``invoke``, on the event loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from sagewright.core.errors import AwsError
from sagewright.core.ids import request_id
from sagewright.gateway.aws import cors, steps
from sagewright.gateway.aws.post_object import PostObject, is_form
from sagewright.gateway.http.limits import ClientGone
from sagewright.nouns.operations import Platform
from sagewright.wire.codec import serialise_error
from sagewright.wire.http import Request, Response
from sagewright.wire.routing import Route

log = logging.getLogger(__name__)
HEALTH = "/_sagewright/health"
Internal = Mapping[str, Callable[[Request], Response]]
FromJobs = Callable[[Request], Response | None]


class Gateway:
    """HTTP in, operation, HTTP out. ``internal`` maps paths to our own unsigned routes, such as the reset; requests
    of jobs have ``from_jobs`` instead, whose answer may be None.
    """

    def __init__(self, platform: Platform, internal: Internal, from_jobs: FromJobs) -> None:
        self._platform = platform
        self._from_jobs = from_jobs
        self._internal: Internal = {HEALTH: _health, **internal}

    def handle(self, request: Request) -> Response:
        """Answer one request; whatever goes wrong is answered in AWS's form. Raises ``ClientGone`` only."""
        if request.door is not None and (answer := self._from_jobs(request)) is not None:
            return answer
        own = self._internal.get(request.path) if request.door is None else None
        if own is not None:
            return own(request) if request.method == "GET" or "origin" not in request.headers else _not_from_pages()
        response = self._answer(request)
        if "origin" in request.headers:
            cors.add_headers(request, response, self._platform.objects)
        return response

    def _answer(self, request: Request) -> Response:
        identifier = request_id()
        route: Route | None = None
        try:
            if cors.is_preflight(request):
                return cors.preflight(request, self._platform.objects)
            form = PostObject(request) if is_form(request) else None
            if form is not None:
                request, route = form.put, form.route
                caller = form.authenticate(self._platform)
            else:
                route, claim = steps.identify(request)
                caller = steps.authenticate(request, route, claim, self._platform)
            parameters = steps.read(request, route)
            call = steps.call(request, route, caller, identifier, self._platform)
            call = steps.authorize(call, parameters)
            handler = steps.find(route)
            response = steps.answer(route, handler(call, parameters), identifier)
            return response if form is None else form.answer(response)
        except ClientGone:
            raise
        except AwsError as error:
            return serialise_error(route, error, identifier, request)
        except Exception as error:
            name = f"{route.service}:{route.operation.name}" if route else "an unknown operation"
            told = steps.failure(error, f"{name} ({request.method} {request.raw_path})", identifier)
            return serialise_error(route, told, identifier, request)


def _health(_request: Request) -> Response:
    return Response(200, {"content-type": "application/json"}, b'{"status":"ok"}')


def _not_from_pages() -> Response:
    """Our own routes are unsigned, and any web page can make a browser post to this machine."""
    return Response(403, {"content-type": "application/json"}, b'{"message":"not for web pages"}')
