"""Keeps what this server remembers of work, the routes of endpoints and the queue of jobs, equal to the store.

It does so once at the start. Where servers share a database it does so every second, since the others change it too.
"""

from __future__ import annotations

from collections.abc import Mapping

from sagewright.engine.lifecycle import RUN, Lifecycle
from sagewright.engine.periodic import Task
from sagewright.engine.placement import Placement
from sagewright.engine.routes import Routes
from sagewright.store.resources import ResourceStore

SECONDS = 1.0
RETRY_SECONDS = 5.0
RUNNING = ("starting", "running", "saving", "stopping")


class Follower:
    """Follows the resources of kinds that work. ``lifecycles`` gives each kind's lifecycle."""

    def __init__(
        self, resources: ResourceStore, routes: Routes, placement: Placement, lifecycles: Mapping[str, Lifecycle]
    ) -> None:
        self._resources = resources
        self._routes = routes
        self._placement = placement
        self._ending = [kind for kind, lifecycle in lifecycles.items() if lifecycle is RUN]
        self._standing = [kind for kind, lifecycle in lifecycles.items() if lifecycle is not RUN]
        self._phases = sorted({p for kind in self._standing for p in lifecycles[kind].moves})

    def follow(self) -> None:
        """Copy the state of all work from the store, once."""
        self._routes.follow(self._resources.in_phases(self._standing, self._phases))
        holders = self._placement.holders()
        running = self._resources.in_phases(self._ending, RUNNING)
        self._resources.changed("global")  # policies, too, may have been written by another server
        phases = self._resources.phases(holders)
        instances = {each.id: len(each.run.get("handle", {}).get("hosts", ("",))) for each in running}
        self._placement.follow(instances, [each for each in holders if RUN.final(phases.get(each, "failed"))])

    def take_over(self) -> None:
        """Wake the jobs that waited in the queue of a server that is gone."""
        self._resources.wake(self._ending, ["pending"])

    def share(self) -> Task:
        """Expect changes by other servers; returns the task that follows them."""
        self._routes.lag = 1.5 * SECONDS
        self._placement.retry_seconds = RETRY_SECONDS
        return Task("following the other servers", SECONDS, self.follow)
