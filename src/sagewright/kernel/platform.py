"""The parts an operation may use, handed to it with every call. ``bootstrap`` makes one per server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sagewright.core.clock import Clock
from sagewright.core.config import Settings
from sagewright.serving.streams import Streams
from sagewright.store.credentials import CredentialStore
from sagewright.store.events import EventStore
from sagewright.store.logs import LogStore
from sagewright.store.metrics import MetricStore
from sagewright.store.objects import ObjectStore
from sagewright.store.resources import ResourceStore
from sagewright.store.tags import TagStore

if TYPE_CHECKING:
    from sagewright.engine.run import RunController
    from sagewright.kernel.authorization import Authorizer


@dataclass(frozen=True, slots=True)
class Platform:
    """Stores and services shared by all operations of one server."""

    settings: Settings
    clock: Clock
    resources: ResourceStore
    events: EventStore
    tags: TagStore
    credentials: CredentialStore
    logs: LogStore
    metrics: MetricStore
    objects: ObjectStore
    access: Authorizer
    streams: Streams
    hint: Callable[[str], None]
    """Wake the reconciler for the resource with this id, after the commit."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the server stops: answers without an end shall end."""
    queues: Mapping[str, RunController] = field(default_factory=dict)
    """Who knows, for kinds of work that may have to wait for room, whether it has to."""
