"""Jobs call us through doors: sockets that listen in the jobs' networks, and from which we accept.

Behind a door is the same application as behind the port, every request signed and authorised. What is more there is
the address where containers find the keys of their role; who asks is known by the door, and no other job has that one.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

from sagewright.access.identity import role_of, session_arn, session_id
from sagewright.access.policy_cache import SESSION
from sagewright.core.config import Settings
from sagewright.gateway.http import tls
from sagewright.gateway.http.server import Server
from sagewright.gateway.shell_exports import DEFAULTS, TELEMETRY_OFF
from sagewright.nouns.operations import Platform
from sagewright.store.credentials import Credential
from sagewright.wire.http import Door, Request, Response

log = logging.getLogger(__name__)

KEY_SECONDS = 3600
RENEW_SECONDS = 1200
"""A key with less time left is not given out again; SDKs ask for another when theirs has 15 minutes left."""
_PATH = "/v2/credentials/"


class Doors:
    """Admits jobs and gives them the keys of their roles. ``serve`` says by which server, before anyone is admitted."""

    def __init__(self, platform: Platform, settings: Settings) -> None:
        self._platform = platform
        self._settings = settings
        self._server: Server | None = None
        self._issued: dict[str, Credential] = {}
        self._lock = threading.Lock()
        self._files: dict[str, Path] = {}

    def serve(self, server: Server) -> None:
        """Let ``server`` accept what is admitted from now on."""
        self._server = server

    def files(self) -> dict[str, Path]:
        """What jobs need to read: ``trust``, the authorities (PEM) of the hosts they reach; ``defaults`` of the SDK."""
        if not self._files:
            defaults = self._settings.data_dir / DEFAULTS
            tls.write(defaults, TELEMETRY_OFF.encode())
            self._files = {"trust": tls.bundle(self._settings.data_dir, os.environ), "defaults": defaults}
        return self._files

    def admit(self, door: Door, listener: socket.socket, lifeline: socket.socket) -> None:
        """Accept from ``listener`` until ``lifeline`` is hung up."""
        assert self._server is not None, "jobs are admitted once the server serves"
        self._server.admit(door, listener, lifeline)

    def dismiss(self, run_id: str) -> None:
        """The run is over: its keys are good for nothing from now on."""
        with self._lock:
            self._issued.pop(run_id, None)
            self._platform.credentials.revoke(run_id)

    def answer(self, request: Request) -> Response | None:
        """What is a door's own, and not AWS's: keys for the job behind it."""
        if not request.path.startswith(_PATH):
            return None
        door = request.door
        if (
            door is None
            or request.method != "GET"
            or not hmac.compare_digest(request.path.encode(), door.path.encode())
        ):
            return _said(404, {"code": "NotFound", "message": "There are no credentials at this address."})
        try:
            key = self._key(door)
        except LookupError as error:
            return _said(404, {"code": "NoSuchEntity", "message": str(error)})
        assert key.expires is not None
        return _said(
            200,
            {
                "RoleArn": door.role,
                "AccessKeyId": key.id,
                "SecretAccessKey": key.secret,
                "Token": key.token,
                "Expiration": datetime.fromtimestamp(int(key.expires), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        )

    def _key(self, door: Door) -> Credential:
        """A key of the door's role with enough time left. Raises ``LookupError`` when the role is gone."""
        role = role_of(self._platform.resources, door.role)
        if role is None:
            raise LookupError(f"The role {door.role} is not there any more.")
        user_id = session_id(role, SESSION)
        with self._lock:
            key, now = self._issued.get(door.run_id), self._platform.clock.now()
            aged = key is None or key.expires is None or key.expires - now < RENEW_SECONDS
            if key is None or aged or key.user_id != user_id:  # a role made again under its name is another one
                key = self._issued[door.run_id] = self._platform.credentials.issue(
                    session_arn(role, SESSION), user_id, KEY_SECONDS, session={"Run": door.run_id}
                )
            return key


def _said(status: int, document: dict[str, str | None]) -> Response:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(status, headers, json.dumps(document).encode())
