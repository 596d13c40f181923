"""The controller of endpoints: fleets of model servers, started beside the old ones, switched over when healthy.

A **fleet** is one generation of an endpoint: a snapshot of its variants and models (so that it can be restarted after
they were deleted) and a worker for each instance. Creating makes the first fleet; updating makes the next one while
the old one keeps answering, and drops whichever failed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright.backends.base import Workload
from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.engine.lifecycle import STANDING
from sagewright.engine.role_objects import AccessDenied
from sagewright.engine.routes import SOCKET
from sagewright.engine.run import REASON_LENGTH, Refused
from sagewright.engine.tools import Tools
from sagewright.environments.builder import Wanted
from sagewright.environments.installer import BuildFailed
from sagewright.serving.probe import ping
from sagewright.store import log_files
from sagewright.store.events import Event
from sagewright.store.resources import Change, Resource

log = logging.getLogger(__name__)

STARTUP_POLL_SECONDS = 0.1
HEALTH_SECONDS = 5.0
BUILD_SECONDS = 5.0
PING_SECONDS = 2.0
STARTUP_SECONDS = 240
GRACE_SECONDS = 30.0
RETIRE_SECONDS = 2.0
"""How long an old fleet serves after the switch. Other servers learn of the new one within a second."""
LOG_LINES_IN_REASON = 40


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """How to serve one variant. ``workload`` gets the environment's root and a log file, and makes the model server."""

    name: str
    weight: float
    instances: int
    wanted: Wanted
    workload: Callable[[Path, str], Workload]
    startup_seconds: float = STARTUP_SECONDS
    notes: tuple[str, ...] = ()
    """The first lines of the log of each model server."""


@dataclass(frozen=True, slots=True)
class FleetKind:
    """A kind's own part: the snapshot to deploy, and the plans made from a snapshot. Both may raise ``Refused``."""

    snapshot: Callable[[Resource, Tools], Json]
    plans: Callable[[Resource, Json, Tools], Sequence[VariantPlan]]
    log_group: Callable[[Resource], str]


class DeploymentController:
    """Acts on resources of one kind that serve."""

    lifecycle = STANDING

    def __init__(self, kind: FleetKind, tools: Tools) -> None:
        self._kind = kind
        self._tools = tools

    def act(self, resource: Resource) -> Change:
        if resource.wished == "gone":
            return self._delete(resource)
        if resource.phase in ("ready", "failed") and resource.wish != (resource.run.get("granted") or {}):
            return self._begin(resource)
        acts = {"pending": self._begin, "starting": self._advance, "updating": self._advance, "ready": self._maintain}
        return acts[resource.phase](resource) if resource.phase in acts else Change(due=None)

    def broken(self, resource: Resource, reason: str) -> Change:
        return self._fail(resource, reason)

    # --- a new fleet ---------------------------------------------------------------------------------------------

    def _begin(self, resource: Resource) -> Change:
        now = self._tools.clock.now()
        phase = "starting" if resource.phase == "pending" else "updating"
        try:
            snapshot = self._kind.snapshot(resource, self._tools)
        except Refused as refusal:
            return self._fail(resource, str(refusal))
        generation = int(resource.run.get("generation", 0)) + 1
        fleet: Json = {
            "generation": generation,
            "since": None,
            "wish": resource.wish,
            "snapshot": snapshot,
            "workers": [],
        }
        return Change(
            due=now, phase=phase, run={"next": fleet, "generation": generation}, status={"FailureReason": None}
        )

    def _advance(self, resource: Resource) -> Change:
        """Take the next fleet one step further: build, start, wait for answers, switch."""
        if "next" not in resource.run:
            return self._settle({name: resource.run[name] for name in ("live", "retired", "settles")})
        fleet: Json = resource.run["next"]
        try:
            plans = self._kind.plans(resource, fleet["snapshot"], self._tools)
            if fleet["workers"]:
                return self._await(resource, fleet, plans)
            return self._launch(resource, fleet, plans)
        except (Refused, BuildFailed, AccessDenied) as refusal:
            return self._fail(resource, str(refusal))
        except AwsError as error:  # model data that cannot be fetched
            return self._fail(resource, error.message)

    def _launch(self, resource: Resource, fleet: Json, plans: Sequence[VariantPlan]) -> Change:
        now = self._tools.clock.now()
        built = [(plan, self._tools.preparation.path(plan.wanted, resource.id)) for plan in plans]
        ready = [(plan, root) for plan, root in built if root is not None]
        if len(ready) < len(plans):
            return Change(due=now + BUILD_SECONDS)
        workers = [
            self._start(resource, fleet, plan, root, index, attempt=0)
            for plan, root in ready
            for index in range(plan.instances)
        ]
        weights = {plan.name: plan.weight for plan in plans}
        return Change(
            due=now + STARTUP_POLL_SECONDS,
            run={"next": {**fleet, "since": now, "weights": weights, "workers": workers}},
        )

    def _await(self, resource: Resource, fleet: Json, plans: Sequence[VariantPlan]) -> Change:
        now = self._tools.clock.now()
        for failure in map(self._start_failure, fleet["workers"]):
            if failure:
                return self._fail(resource, failure)
        silent = [worker for worker in fleet["workers"] if not self._answers(worker)]
        if not silent:
            return self._switch(resource, fleet)
        longest = max(plan.startup_seconds for plan in plans)
        if now - fleet["since"] > longest:
            return self._fail(resource, self._unhealthy(silent[0], f"it did not answer within {longest:.0f} seconds"))
        return Change(due=now + STARTUP_POLL_SECONDS)

    def _start(self, resource: Resource, fleet: Json, plan: VariantPlan, root: Path, index: int, attempt: int) -> Json:
        run = f"{resource.id}-{fleet['generation']}-{plan.name}-{index}-{attempt}"
        stream = f"{plan.name}/i-{resource.id[:8]}{fleet['generation']:04x}{index:02x}{attempt:03x}"
        group = self._kind.log_group(resource)
        log_file = str(self._tools.logs.open_stream(resource.account, resource.region, group, stream).path)
        log_files.begin(Path(log_file), (*plan.wanted.spec.notes, *plan.notes), int(self._tools.clock.now() * 1000))
        try:
            handle = self._tools.backend.start(run, plan.workload(root, log_file))
        except ValueError as error:  # what a request may name and no machine can have
            raise Refused(str(error)) from None
        return {
            "variant": plan.name,
            "index": index,
            "attempt": attempt,
            "handle": handle,
            "log": log_file,
            "stream": stream,
        }

    def _switch(self, resource: Resource, fleet: Json) -> Change:
        """Route to the next fleet. An update has succeeded when every server routes to it."""
        now = self._tools.clock.now()
        self._tools.routes.put(resource, fleet)
        old = resource.run.get("live", {}).get("workers", ())
        retired = list(resource.run.get("retired", ()))
        retired += [{**worker, "serves_until": now + RETIRE_SECONDS} for worker in old]
        settles = now + (self._tools.routes.lag if old else 0.0)
        return self._settle({"live": fleet, "next": None, "retired": retired, "settles": settles})

    def _settle(self, run: Json) -> Change:
        now = self._tools.clock.now()
        if now < run["settles"]:
            return Change(due=run["settles"], run=run)
        fleet: Json = run["live"]
        event = Event(now, "InService", f"{len(fleet['workers'])} instances answer")
        return Change(
            due=now + (RETIRE_SECONDS if run["retired"] else HEALTH_SECONDS),
            phase="ready",
            run={**run, "settles": None, "granted": fleet["wish"]},
            status={"FailureReason": None},
            events=(event,),
        )

    # --- a fleet that serves -------------------------------------------------------------------------------------

    def _maintain(self, resource: Resource) -> Change:
        """Replace workers that died; end and remove the retired ones."""
        now = self._tools.clock.now()
        fleet: Json = resource.run["live"]
        steps = (self._retire(worker, now) for worker in resource.run.get("retired", ()))
        retired = [worker for worker in steps if worker is not None]
        dead = [worker for worker in fleet["workers"] if self._tools.backend.poll(worker["handle"]).ended]
        if not dead:
            return Change(due=now + HEALTH_SECONDS, run={"retired": retired or None})
        try:
            plans = self._kind.plans(resource, fleet["snapshot"], self._tools)
        except (Refused, AccessDenied):
            return Change(due=now + HEALTH_SECONDS)
        by_name = {plan.name: plan for plan in plans}
        workers: list[Json] = []
        for worker in fleet["workers"]:
            plan = by_name[worker["variant"]]
            try:
                root = self._tools.preparation.path(plan.wanted, resource.id) if worker in dead else None
            except BuildFailed as failure:  # its environment was deleted, and cannot be built again now
                log.warning("%s: a model server stays down: %s", resource.arn, failure)
                root = None
            if root is not None:
                self._tools.backend.remove(worker["handle"])
                workers.append(self._start(resource, fleet, plan, root, worker["index"], worker["attempt"] + 1))
            else:
                workers.append(worker)
        fleet = {**fleet, "workers": workers}
        self._tools.routes.put(resource, fleet)
        return Change(due=now + HEALTH_SECONDS, run={"live": fleet})

    # --- the end -------------------------------------------------------------------------------------------------

    def _delete(self, resource: Resource) -> Change:
        """Stop routing, kill both fleets and delete the endpoint's row."""
        now = self._tools.clock.now()
        if resource.phase != "deleting":
            return Change(due=now, phase="deleting", events=(Event(now, "Deleting"),))
        self._tools.routes.drop(resource)
        self._tools.preparation.forget(resource.id)
        self._drop(resource.run.get("live"))
        self._drop(resource.run.get("next"))
        self._drop({"workers": resource.run.get("retired", ())})
        self._tools.backend.remove_all(resource.id)  # those too that a killed server started and did not note
        return Change(due=None, gone=True)

    def _fail(self, resource: Resource, reason: str) -> Change:
        """Give up the next fleet. An endpoint with a live fleet keeps serving with that one."""
        now = self._tools.clock.now()
        self._tools.preparation.forget(resource.id)
        self._drop(resource.run.get("next"))
        if "next" in resource.run:
            self._tools.backend.remove_all(f"{resource.id}-{resource.run['next']['generation']}")
        reason = reason[:REASON_LENGTH]
        run: Json = {"next": None, "granted": resource.wish}
        if "live" in resource.run:
            phase = "ready" if resource.phase in ("ready", "updating") else "failed"
            events = (Event(now, "RollingBack", reason), Event(now, "InService", "still on the configuration before"))
            return Change(
                due=now + HEALTH_SECONDS, phase=phase, run=run, status={"FailureReason": reason}, events=events
            )
        return Change(
            due=None, phase="failed", run=run, status={"FailureReason": reason}, events=(Event(now, "Failed", reason),)
        )

    def _retire(self, worker: Json, now: float) -> Json | None:
        """Take a retired worker one step further: it answers its pending requests, ends, and is removed (None)."""
        if self._tools.backend.poll(worker["handle"]).ended:
            self._tools.backend.remove(worker["handle"])
            return None
        if now < worker["serves_until"]:
            return worker
        if "stopped" not in worker:
            self._tools.backend.stop(worker["handle"], GRACE_SECONDS)
        return {**worker, "stopped": True}

    def _drop(self, fleet: Mapping[str, Any] | None) -> None:
        for worker in (fleet or {}).get("workers", ()):
            self._tools.backend.remove(worker["handle"])

    # --- health --------------------------------------------------------------------------------------------------

    def _socket(self, worker: Json) -> Path:
        return self._tools.backend.instance_directory(worker["handle"], "algo-1") / SOCKET

    def _answers(self, worker: Json) -> bool:
        return ping(self._socket(worker), PING_SECONDS).ok

    def _start_failure(self, worker: Json) -> str:
        """Why a starting worker cannot answer any more; an empty text while it still can."""
        report = self._tools.backend.poll(worker["handle"])
        if not report.ended:
            return ""
        instance = report.instances[0]
        return self._unhealthy(worker, instance.reason or f"the model server ended with exit code {instance.exit_code}")

    def _unhealthy(self, worker: Json, cause: str) -> str:
        reason = (
            f"The primary container for production variant {worker['variant']} did not pass the ping health check: "
            f"{cause}. Please check CloudWatch logs for this endpoint. It printed last:\n"
        )
        last_lines = log_files.read_back(Path(worker["log"]), None, LOG_LINES_IN_REASON, log_files.EVERYTHING).events
        output = "\n".join(event.message for event in last_lines)
        return reason + output[max(0, len(output) + len(reason) - REASON_LENGTH) :]
