"""What controllers work with. ``bootstrap`` makes one per server."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.backends.base import Backend
from sagewright.core.clock import Clock
from sagewright.core.config import Settings
from sagewright.engine.placement import Placement
from sagewright.engine.preparation import Preparation
from sagewright.engine.routes import Routes
from sagewright.store.logs import LogStore
from sagewright.store.metrics import MetricStore
from sagewright.store.objects import ObjectStore
from sagewright.store.resources import ResourceStore


@dataclass(frozen=True, slots=True)
class Tools:
    """Stores, the backend, environments, the queue of jobs, and the routes of endpoints."""

    settings: Settings
    clock: Clock
    resources: ResourceStore
    objects: ObjectStore
    logs: LogStore
    metrics: MetricStore
    backend: Backend
    preparation: Preparation
    placement: Placement
    routes: Routes
