"""The reconciler: load → act → apply, each under a lease, woken by hints and by a poll that nothing depends on.

An act may start processes and wait for them shortly; it holds no transaction. What it decided is written by ``apply``,
which changes nothing when the lease was lost meanwhile. An act that raises is our bug: it is logged, tried again a few
times, and then fails the resource with the reason, so that nothing hangs for ever.
"""

from __future__ import annotations

import heapq
import logging
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

from sagewright.core.clock import Clock
from sagewright.core.ids import run_id
from sagewright.engine.lifecycle import Lifecycle
from sagewright.engine.periodic import Periodic, Task
from sagewright.store.outages import Coming, outage
from sagewright.store.resources import Change, Resource, ResourceStore

log = logging.getLogger(__name__)

LEASE_SECONDS = 10.0
POLL_SECONDS = 1.0
ATTEMPTS = 5
FORGET_SECONDS = 60.0
"""An act that raised is forgotten so long after, or when its resource has moved on; not at the next act that ends well:
acts that raise and end well in turn would go on so for ever."""
FETCH_SECONDS = 0.2
"""How often to look whether what an act needs has been fetched."""


class Controller(Protocol):
    """What moves the resources of one kind."""

    lifecycle: Lifecycle

    def act(self, resource: Resource) -> Change:
        """Look at the world and say what changed. Blocking is fine, for seconds; transactions are not."""
        ...

    def broken(self, resource: Resource, reason: str) -> Change:
        """The change that ends a resource whose acts keep raising."""
        ...


class Reconciler:
    """Runs the controllers of all kinds on a few threads."""

    def __init__(self, store: ResourceStore, controllers: Mapping[str, Controller], clock: Clock, *, threads: int = 8):
        self._store = store
        self._controllers = controllers
        self._clock = clock
        self._owner = f"{socket.gethostname()[:24]}:{os.getpid()}:{run_id()[:8]}"
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="reconcile")
        self._wake = threading.Condition()
        self._queue: list[tuple[float, str]] = []
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._raised: dict[str, tuple[int, float]] = {}
        self._stopping = False
        self._paused = False
        self._thread = threading.Thread(target=self._dispatch, name="reconciler", daemon=True)
        self._leases = Periodic("leases", [Task("renewing leases", LEASE_SECONDS / 3, self._keep_leases)])

    def start(self) -> None:
        """Begin; what was left half-way by an earlier server is due already."""
        self._thread.start()
        self._leases.start()

    def stop(self) -> None:
        """Finish the acts under way and give the leases back."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._pool.shutdown(wait=True)
        self._leases.stop()
        self._thread.join()
        self._store.release(self._owner)

    def hint(self, identifier: str) -> None:
        """Look at this resource now. Safe from any thread, and free to be wrong."""
        with self._wake:
            if identifier in self._busy:
                self._again.add(identifier)
                return
            heapq.heappush(self._queue, (0.0, identifier))
            self._wake.notify()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No act is under way inside; what was queued is forgotten. For wiping the state."""
        with self._wake:
            self._paused = True
            self._wake.wait_for(lambda: not self._busy)
        try:
            yield
        finally:
            with self._wake:
                self._paused = False
                self._queue.clear()
                self._raised.clear()
                self._wake.notify_all()

    def _dispatch(self) -> None:
        next_poll = 0.0
        while True:
            now = self._clock.now()
            if now >= next_poll:
                self._collect()
                next_poll = now + POLL_SECONDS
            with self._wake:
                if self._stopping:
                    return
                now = self._clock.now()
                while self._queue and self._queue[0][0] <= now and not self._paused:
                    _, identifier = heapq.heappop(self._queue)
                    if identifier not in self._busy:
                        self._busy.add(identifier)
                        self._pool.submit(self._reconcile, identifier)
                soonest = min(next_poll, self._queue[0][0] if self._queue and not self._paused else next_poll)
                self._wake.wait(max(0.0, soonest - self._clock.now()))

    def _collect(self) -> None:
        try:
            found = self._store.due(limit=1000)
        except Exception:
            log.exception("cannot read what is due")
            return
        with self._wake:
            queued = {identifier for _, identifier in self._queue}
            for identifier, at in found:
                if identifier not in queued and identifier not in self._busy:
                    heapq.heappush(self._queue, (at, identifier))

    def _reconcile(self, identifier: str) -> None:
        due: float | None = None
        try:
            resource = self._store.lease(self._owner, identifier, LEASE_SECONDS)
            if resource is not None:
                applied = self._store.apply(self._owner, resource, self._act(resource))
                due = applied.due if applied is not None else None
        except Exception:
            log.exception("cannot reconcile %s", identifier)
        finally:
            with self._wake:
                self._busy.discard(identifier)
                if identifier in self._again:
                    self._again.discard(identifier)
                    due = 0.0
                if due is not None:
                    heapq.heappush(self._queue, (due, identifier))
                self._wake.notify_all()

    def _act(self, resource: Resource) -> Change:
        controller = self._controllers.get(resource.kind)
        if controller is None:
            return Change(due=None)  # a definition was made due, such as by a child that moved
        try:
            change = controller.act(resource)
        except Coming:
            return Change(due=self._clock.now() + FETCH_SECONDS)
        except Exception as error:
            if outage(error):  # not the act's fault: it waits until the disk or the database is back
                raise
            now = self._clock.now()
            before, at = self._raised.get(resource.id, (0, now))
            count = 1 if now - at > FORGET_SECONDS else before + 1
            self._raised[resource.id] = count, now
            log.exception("act on %s raised (attempt %d of %d)", resource.arn, count, ATTEMPTS)
            if count >= ATTEMPTS:
                self._raised.pop(resource.id, None)
                return controller.broken(resource, f"InternalServerError: {type(error).__name__}: {error}")
            return Change(due=now + 0.2 * 2**count)
        following = "gone" if change.gone else change.phase
        if following not in (None, resource.phase) or change.due is None:
            self._raised.pop(resource.id, None)
        if following is not None and not controller.lifecycle.allows(resource.phase, following):
            reason = f"InternalServerError: {resource.kind} cannot go from {resource.phase} to {following}"
            log.error("%s: %s", resource.arn, reason)
            return controller.broken(resource, reason)
        return change

    def _keep_leases(self) -> None:
        with self._wake:
            held = list(self._busy)
        if held:
            self._store.renew(self._owner, held, LEASE_SECONDS)
