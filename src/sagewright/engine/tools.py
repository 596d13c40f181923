"""What controllers work with. ``bootstrap`` makes one per server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sagewright.backends.base import Backend
from sagewright.core.clock import Clock
from sagewright.core.config import Settings
from sagewright.engine.calls import Calls
from sagewright.engine.lifecycle import Lifecycle
from sagewright.engine.placement import Placement
from sagewright.engine.preparation import Preparation
from sagewright.engine.role_objects import RoleObjects, WorkRole
from sagewright.engine.routes import Routes
from sagewright.store.logs import LogStore
from sagewright.store.metrics import MetricStore
from sagewright.store.resources import Resource, ResourceStore


@dataclass(frozen=True, slots=True)
class Tools:
    """Stores, the backend, environments, the queue of jobs, and the routes of endpoints.

    The store of objects is not among them: what belongs to users is reached through a role.
    """

    settings: Settings
    clock: Clock
    resources: ResourceStore
    logs: LogStore
    metrics: MetricStore
    backend: Backend
    preparation: Preparation
    placement: Placement
    routes: Routes
    role_objects: Callable[[WorkRole], RoleObjects]
    calls: Calls
    lifecycles: Mapping[str, Lifecycle]
    """The lifecycle of each kind that works."""

    def objects_as(self, resource: Resource, role_arn: str | None = None) -> RoleObjects:
        """The objects as a resource's role may see them: ``role_arn``, or the one that its request names."""
        return self.role_objects(WorkRole.of(resource, role_arn))
