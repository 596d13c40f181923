"""Routes: an endpoint's live fleet, as its resource tells it, put into this server's router.

The store is the truth; a router is this server's copy. Whoever switches a fleet over puts it here at once; what other
servers did is seen by ``look`` (an endpoint not heard of yet) and by ``follow``, every second.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from sagewright.backends.base import Backend
from sagewright.serving.router import EndpointKey, Router, Variant, WorkerAddress
from sagewright.store.resources import Resource, ResourceStore

Json = dict[str, Any]
Age = tuple[int, int]


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
        """Route to none of it any more."""
        self._drop(_key(resource))

    def look(self, key: EndpointKey) -> None:
        """Find out about one endpoint, which another server may have made a moment ago."""
        for kind in self._kinds:
            resource = self._resources.get(key.account, key.region, kind, key.endpoint)
            if resource is not None and _serves(resource) and self._resources.here(resource):
                self.put(resource, resource.run["live"])

    def follow(self, resources: Sequence[Resource]) -> None:
        """Take over all live fleets; ``resources`` are all that stand."""
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
    """Fleets follow one another by generation, and within one by how often its workers were replaced."""
    return fleet["generation"], sum(worker["attempt"] for worker in fleet["workers"])


def _serves(resource: Resource) -> bool:
    return bool(resource.run.get("live")) and resource.phase != "deleting"
