"""The one file that knows every part: it makes them, connects them, starts and stops them."""

from __future__ import annotations

import errno
import importlib
import json
import logging
import os
import pkgutil
import shutil
import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from sqlalchemy import delete

from sagewright import services
from sagewright.access.authorization import Authorizer
from sagewright.access.inner_calls import InnerCalls
from sagewright.access.role_sessions import RoleSessions
from sagewright.backends.choose import choose
from sagewright.core.clock import SystemClock
from sagewright.core.config import Settings
from sagewright.engine import feed, invocation_metrics
from sagewright.engine.feed import Feed
from sagewright.engine.hints import Hints
from sagewright.engine.invocation_metrics import InvocationMetrics
from sagewright.engine.periodic import Periodic, Task
from sagewright.engine.placement import Placement
from sagewright.engine.preparation import Preparation
from sagewright.engine.reconciler import Reconciler
from sagewright.engine.role_objects import RoleObjects
from sagewright.engine.routes import Routes
from sagewright.engine.run import RunController
from sagewright.engine.shared_database import Follower
from sagewright.engine.tools import Tools
from sagewright.environments.builder import Builder
from sagewright.gateway.aws.admission import Admissions
from sagewright.gateway.aws.app import HEALTH, Gateway
from sagewright.gateway.http import tls
from sagewright.gateway.http.limits import Limits
from sagewright.gateway.http.server import Server
from sagewright.gateway.ways.connect import Proxy, upstream
from sagewright.gateway.ways.invoke import Invocations
from sagewright.gateway.ways.job_doors import Doors
from sagewright.nouns.background import all_background
from sagewright.nouns.declaration import all_nouns
from sagewright.nouns.operations import Platform
from sagewright.nouns.reactions import all_readers
from sagewright.services.iam._defaults import ensure_defaults
from sagewright.serving.router import EndpointKey, Router
from sagewright.store import migrate
from sagewright.store.changes import ChangeLog
from sagewright.store.credentials import CredentialStore
from sagewright.store.data_directory import Claim
from sagewright.store.database import Database, sqlite_url
from sagewright.store.events import EventStore
from sagewright.store.links import LinkStore
from sagewright.store.logs import LogStore
from sagewright.store.metrics import MetricStore
from sagewright.store.objects.blobs import Storage
from sagewright.store.objects.read_through import ReadThrough
from sagewright.store.objects.remote import Remote, tried
from sagewright.store.objects.s3_client import Location
from sagewright.store.objects.samples import Upstream
from sagewright.store.properties import PropertyStore
from sagewright.store.resources import ResourceStore
from sagewright.store.run_metrics import RunMetricStore
from sagewright.store.schema import events, resources, tags
from sagewright.store.tags import TagStore
from sagewright.wire.http import Request, Response

log = logging.getLogger(__name__)

DRAIN_SECONDS = 10.0
STOP_SECONDS = DRAIN_SECONDS + 30.0
"""After which a server that was told to end is ended, whatever still hangs."""
HOUR = 3600.0
TRIM_SECONDS = 30.0
LONGEST_PATH = 107 - len("/hints.sock")
"""Bytes of the data directory's path: a socket's may have 107."""


def load_services() -> None:
    """Import every file below ``services``: an operation exists by being there."""
    for module in pkgutil.walk_packages(services.__path__, f"{services.__name__}."):
        importlib.import_module(module.name)


class Installation:
    """One server with all its parts. ``start`` serves, ``stop`` drains; jobs and model servers run on without it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        data = _made(settings.data_dir, "--data-dir")
        data.chmod(0o700)
        _made(settings.cache_dir, "--cache-dir")
        if settings.ephemeral and settings.database_url:
            raise ValueError("an ephemeral server keeps nothing: give it no database URL")
        if settings.ephemeral and settings.s3_bucket:
            raise ValueError("an ephemeral server keeps nothing: give it no S3 bucket")
        self._claim = Claim(data, shared=bool(settings.database_url))
        if settings.ephemeral:
            _empty(data)
        self._tls = tls.server_context(settings)
        load_services()
        self._clock = SystemClock()
        self._database = Database(settings.database_url or _sqlite(data), durable=settings.durability == "commit")
        migrate.upgrade(self._database)
        number = self._claim.number
        self._hints = Hints(data / ("hints.sock" if number == 0 else f"hints-{number}.sock"), self._hint)
        self._router = Router(look=self._look if self._database.shared else None)
        self._builder = Builder(settings.cache_dir)
        self._preparation = Preparation(self._builder, self._hint, settings.build_seconds)
        queues: dict[str, RunController] = {}
        self._platform = self._make_platform(queues)
        self._doors = Doors(self._platform, settings)
        backend = choose(settings, self._hints.path, self._doors)
        working = {noun.kind: noun for noun in all_nouns() if noun.controller is not None}
        self._lifecycles = {kind: noun.lifecycle for kind, noun in working.items() if noun.lifecycle is not None}
        self._routes = Routes(self._platform.resources, backend, self._router, list(working))
        self._tools = Tools(
            settings=settings,
            clock=self._clock,
            resources=self._platform.resources,
            logs=self._platform.logs,
            metrics=self._platform.metrics,
            backend=backend,
            preparation=self._preparation,
            placement=Placement(settings.max_instances, self._hint),
            routes=self._routes,
            role_objects=partial(RoleObjects, self._platform.objects, RoleSessions(self._platform)),
            calls=InnerCalls(self._platform),
            lifecycles=self._lifecycles,
        )
        controllers = {kind: noun.controller(self._tools) for kind, noun in working.items() if noun.controller}
        queues.update({kind: each for kind, each in controllers.items() if isinstance(each, RunController)})
        controllers |= {each.kind: each.controller(self._tools) for each in all_background()}
        self._follower = Follower(self._platform.resources, self._routes, self._tools.placement, self._lifecycles)
        self._reconciler = Reconciler(self._platform.resources, controllers, self._clock)
        self._invocations = InvocationMetrics(self._router, self._platform.metrics, self._clock)
        self._feed = Feed(self._platform.changes, all_readers(self._platform, self._tools.calls))
        self._sweeps = Periodic("sweeps", _sweeps(self._platform, self._builder, settings))
        self._looks = Periodic("looks", self._tasks())
        gateway = Gateway(self._platform, self._internal(), self._doors.answer)
        self._server = Server(
            gateway,
            host=settings.host,
            port=settings.port,
            fast=Invocations(self._platform, self._router).fast_path(),
            doorman=Proxy(tls.identity(data).server_context(), upstream(os.environ)),
            gate=Admissions(self._platform, {HEALTH, *self._internal()}),
            limits=Limits(scratch=data),
        )

    def _make_platform(self, queues: Mapping[str, RunController]) -> Platform:
        resource_store, storage = self._stores()
        objects = self._objects(storage)
        credentials = CredentialStore(self._database, self._clock)
        return Platform(
            settings=self.settings,
            clock=self._clock,
            resources=resource_store,
            events=EventStore(self._database),
            changes=ChangeLog(self._database, self._clock),
            links=LinkStore(self._database, self._clock),
            properties=PropertyStore(self._database, self._clock),
            tags=TagStore(self._database),
            credentials=credentials,
            logs=LogStore(self._database, self.settings.data_dir / "logs", self._clock),
            metrics=MetricStore(self._database, self._clock),
            run_metrics=RunMetricStore(self._database, self._clock),
            objects=objects,
            access=Authorizer(resource_store, credentials, self._clock, objects, make_roles=self.settings.makes_roles),
            hint=self._hint,
            queues=queues,
        )

    def _tasks(self) -> list[Task]:
        """What is done every few seconds, and is done quickly."""
        return [
            Task("writing the invocation metrics", invocation_metrics.SECONDS, self._invocations.write),
            Task("reading the changes", feed.SECONDS, self._feed.read),
            *([self._follower.share()] if self._database.shared else ()),
        ]

    def _stores(self) -> tuple[ResourceStore, Storage | None]:
        """The store of resources, and the storage of objects unless that is the data directory.

        Checks that database, directory and storage belong to one installation.
        """
        location = Location.of(self.settings)
        places = location is not None and self._database.shared
        resource_store = ResourceStore(self._database, self._clock, self._claim.place() if places else "", self._hint)
        if location is None:
            if self._database.shared or self._claim.bound:
                self._claim.bind(resource_store)
            return resource_store, None
        if wrong := tried(location):
            raise OSError(wrong)
        cache = self.settings.data_dir / "objects" / "cache"
        storage = Remote(location, cache, self.settings.s3_cache_mb << 20)
        storage.claim(self._claim.bind(resource_store, location.uri))
        return resource_store, storage

    def _objects(self, storage: Storage | None) -> ReadThrough:
        settings = self.settings
        return ReadThrough(
            self._database,
            settings.data_dir / "objects",
            self._clock,
            durable=settings.durability == "commit",
            storage=storage,
            upstream=Upstream(settings.samples_url) if settings.samples == "read" else None,
            limit=settings.samples_cache_mb << 20,
        )

    def start(self) -> str:
        """Take over what an earlier server left, then listen; returns the URL. Raises ``OSError`` for a taken port."""
        ensure_defaults(self._platform.resources, self._platform.credentials, self.settings)
        if self._claim.alone:
            self._platform.resources.release()  # their owners are dead
        self._follower.follow()
        self._follower.take_over()
        port = self._listen()
        self._doors.serve(self._server)
        self._server.loop.call_soon_threadsafe(self._router.start)
        if wrong := self._builder.unusable():
            log.error("%s. Until then no job or endpoint can start.", wrong)
        url = f"{'https' if self.settings.https else 'http'}://{_reachable(self.settings.host)}:{port}"
        (self.settings.data_dir / "server.json").write_text(json.dumps({"url": url, "pid": os.getpid()}))
        self._hints.start()
        self._reconciler.start()
        if self._database.shared:
            self._claim.share()
        self._looks.start()
        self._sweeps.start()
        return url

    def _listen(self) -> int:
        """Open the port; an ``OSError`` names the setting to change."""
        host, port = self.settings.host, self.settings.port
        try:
            return self._server.start(self._tls)
        except socket.gaierror as error:
            raise OSError(f"--host {host} is no address of this machine: {error.strerror}") from None
        except OSError as error:
            advice = {
                errno.EADDRINUSE: f"port {port} of {host} is in use: choose another by --port (0: a free one)",
                errno.EADDRNOTAVAIL: f"--host {host} is no address of this machine",
                errno.EACCES: f"this user may not listen at port {port}: name one above 1023 by --port",
            }
            raise OSError(advice.get(error.errno or 0, str(error))) from None

    def stop(self) -> None:
        """Answer what is in flight and let go. An ephemeral server ends its work too, for nobody will find it again."""
        self._platform.stopping.set()
        self._server.stop(DRAIN_SECONDS)
        self._reconciler.stop()
        self._sweeps.stop()
        self._preparation.stop()
        self._hints.stop()
        self._looks.stop()
        self._invocations.write()
        if self.settings.ephemeral:
            self._end_all_work()
        self._platform.objects.close()
        self._database.close()
        if self.settings.ephemeral:
            _empty(self.settings.data_dir)
        self._claim.close()

    def _hint(self, identifier: str) -> None:
        self._reconciler.hint(identifier)

    def _look(self, key: EndpointKey) -> None:
        self._routes.look(key)

    def _internal(self) -> dict[str, Callable[[Request], Response]]:
        return {"/_sagewright/reset": self._reset} if self.settings.ephemeral else {}

    def _reset(self, request: Request) -> Response:
        """Wipe everything but the administrator: for users' own test suites."""
        if request.method != "POST":
            return Response(405, {"allow": "POST"})
        with self._reconciler.paused():
            self._end_all_work()
            self._tools.placement.clear()
            with self._database.write() as connection:
                for table in (resources, tags, events):
                    connection.execute(delete(table))
            platform = self._platform
            for rows in (platform.changes, platform.links, platform.properties, platform.run_metrics):
                rows.wipe()
            for store in (platform.objects, platform.logs, platform.metrics):
                store.wipe()
            self._platform.credentials.wipe()
            ensure_defaults(self._platform.resources, self._platform.credentials, self.settings)
        return Response(200, {"content-type": "application/json"}, b"{}")

    def _end_all_work(self) -> None:
        phases = sorted({phase for lifecycle in self._lifecycles.values() for phase in lifecycle.moves})
        for resource in self._platform.resources.in_phases(list(self._lifecycles), phases):
            self._tools.backend.remove_all(resource.id)  # run ids begin with the resource's
            self._routes.drop(resource)


def _made(directory: Path, flag: str) -> Path:
    """The directory, made if it is not there; an ``OSError`` names the flag by which to choose another."""
    if flag == "--data-dir" and (length := len(os.fsencode(directory))) > LONGEST_PATH:
        raise ValueError(f"the path of {flag} has {length} bytes: with {LONGEST_PATH} sockets fit into it")
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise OSError(f"{directory} cannot be made ({error.strerror}): name another directory by {flag}") from None
    return directory


def _sweeps(platform: Platform, builder: Builder, settings: Settings) -> list[Task]:
    """What is done from time to time, and may take long."""
    logs = platform.logs
    return [
        Task("logs to their size", TRIM_SECONDS, lambda: logs.trim(settings.log_limit_mb << 20)),
        Task("expired logs", HOUR, logs.expire),
        Task("changes that were read", HOUR, platform.changes.prune),
        Task("old metrics", HOUR, platform.metrics.compact),
        Task("bytes of lost machines", HOUR, platform.objects.sweep_orphans),
        Task("unused environments", HOUR, lambda: builder.evict(settings.environments_gb << 30)),
    ]


def _reachable(host: str) -> str:
    """The host as a URL on this machine has it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound here
    return f"[{host}]" if ":" in host else host


def _sqlite(directory: Path) -> str:
    """The URL of the database in the data directory; its file, which holds keys, is the owner's alone."""
    (directory / "sagewright.db").touch(mode=0o600)
    return sqlite_url(directory)


def _empty(directory: Path) -> None:
    for child in directory.iterdir():
        if child.name in ("lock", "servers"):
            continue
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child, ignore_errors=True)
        else:
            child.unlink(missing_ok=True)
