"""Routes: copies the live fleet of each endpoint from its resource into this server's router.

The store holds the truth. The controller that switches a fleet calls ``put`` at once. What other servers change comes
by ``look`` (for an endpoint that this server does not know yet) and by ``follow``, every second.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sagewright.backends.base import Backend
from sagewright.serving.router import EndpointKey, Router, Variant, WorkerAddress
from sagewright.store.resources import Resource, ResourceStore

Age: TypeAlias = tuple[int, int]
"""A fleet's generation, and how many of its workers were replaced so far. Of two fleets the newer one is greater."""


class Routes:
    """Keeps the router in step with the live fleets of resources of these ``kinds``. Thread-safe.

    ``lag`` is how many seconds after a ``put`` all other servers have it too; 0 where there are none.
    """

    def __init__(self, resources: ResourceStore, backend: Backend, router: Router, kinds: Sequence[str]) -> None:
        self.lag = 0.0
        self._resources = resources
        self._backend = backend
        self._router = router
        self._kinds = kinds
        self._known: dict[EndpointKey, tuple[str, Age]] = {}
        self._lock = threading.Lock()

    def put(self, resource: Resource, fleet: Mapping[str, Any]) -> None:
        """Route to ``fleet`` from now on, unless a newer fleet of the resource is routed to already."""
        key, age = _key(resource), _age(fleet)
        with self._lock:
            owner, known = self._known.get(key, ("", (0, 0)))
            if owner == resource.id and known >= age:
                return
            self._known[key] = (resource.id, age)
            self._router.put(key, self._variants(fleet))

    def drop(self, resource: Resource) -> None:
        """Route no requests to this endpoint any more."""
        self._drop(_key(resource))

    def look(self, key: EndpointKey) -> None:
        """Look one endpoint up in the store: another server may have made it a moment ago."""
        for kind in self._kinds:
            resource = self._resources.get(key.account, key.region, kind, key.endpoint)
            if resource is not None and _serves(resource) and self._resources.is_ours(resource):
                self.put(resource, resource.run["live"])

    def follow(self, resources: Sequence[Resource]) -> None:
        """Copy all live fleets; ``resources`` are all resources of the kinds that serve."""
        serving = [resource for resource in resources if _serves(resource)]
        for resource in serving:
            self.put(resource, resource.run["live"])
        for key in self._known.keys() - {_key(resource) for resource in serving}:
            self._drop(key)

    def _drop(self, key: EndpointKey) -> None:
        with self._lock:
            self._known.pop(key, None)
            self._router.drop(key)

    def _variants(self, fleet: Mapping[str, Any]) -> list[Variant]:
        return [Variant(name, weight, self._workers(fleet, name)) for name, weight in fleet["weights"].items()]

    def _workers(self, fleet: Mapping[str, Any], variant: str) -> tuple[WorkerAddress, ...]:
        return tuple(
            WorkerAddress(worker["stream"], self._backend.instance_directory(worker["handle"], "algo-1") / SOCKET)
            for worker in fleet["workers"]
            if worker["variant"] == variant
        )


SOCKET = "run/serve.sock"


def _key(resource: Resource) -> EndpointKey:
    return EndpointKey(resource.account, resource.region, resource.name)


def _age(fleet: Mapping[str, Any]) -> Age:
    return fleet["generation"], sum(worker["attempt"] for worker in fleet["workers"])


def _serves(resource: Resource) -> bool:
    return bool(resource.run.get("live")) and resource.phase != "deleting"
