"""The controller of work that ends: from a plan through a backend's run to saved outputs, for every RUN kind.

A kind says what to run (``plan``), which event each stage leaves (``trail``) and what its final status is (``finish``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sagewright.backends.base import InstanceReport, Report, Workload
from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.engine.job_metrics import Ingested, ingest
from sagewright.engine.lifecycle import RUN
from sagewright.engine.role_objects import AccessDenied
from sagewright.engine.saving import Saving
from sagewright.engine.tools import Tools
from sagewright.environments.builder import Wanted
from sagewright.environments.installer import BuildFailed
from sagewright.store import log_files
from sagewright.store.events import Event
from sagewright.store.resources import Change, Resource

log = logging.getLogger(__name__)

STAGES = ("downloading", "running", "packing")
POLL_SECONDS = 2.0
BUILD_SECONDS = 5.0
_EMPTY_MESSAGE = 'ErrorMessage ""'
"""The failure file of a script that ended without an exception."""
REASON_LENGTH = 1024
OVERDUE_SECONDS = 60.0
"""Seconds after the grace of a stop. A job that still runs then has an agent that died or is suspended: the server
kills the run itself."""
OVERRUN_SECONDS = 10.0
"""Seconds after the end of a job's time and its grace. A process that still runs then has an agent that is suspended:
the server stops the run itself."""


class Refused(Exception):
    """The work cannot be started, and never will: the text is the FailureReason."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, once the environment's root is known.

    ``destinations`` maps the name of an output or a sync to (bucket, key). A packed output becomes one object with
    that key. The files of any other output, and of a sync, are saved below the key, those of every instance.
    """

    wanted: Wanted
    workload: Callable[[Path], Workload]
    destinations: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """The first lines of the log of the work."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: ``phase`` is succeeded, stopped or failed; ``saved`` maps an output's name to its S3 URI.

    ``message`` is the content of ``/opt/ml/output/message`` on the first instance that has such a file.
    """

    phase: str
    reason: str
    started: float | None
    ended: float
    timed_out: bool
    saved: Mapping[str, str]
    message: str = ""


@dataclass(frozen=True, slots=True)
class RunKind:
    """A RUN kind's own part. ``trail`` maps a stage or phase to (word, message) of the event it leaves."""

    plan: Callable[[Resource, Tools], Plan]
    trail: Mapping[str, tuple[str, str]]
    finish: Callable[[Resource, Tools, Outcome], Mapping[str, Any]]
    instances: Callable[[Json], int]
    """How many instances a spec asks for."""
    namespace: str
    secondary: str = ""
    """The member of the status that holds the last event's word."""
    together: bool = True
    """Whether the instances work together, so that one that failed ends the others."""


class RunController:
    """Acts on resources of one RUN kind."""

    lifecycle = RUN

    def __init__(self, kind: RunKind, tools: Tools) -> None:
        self._kind = kind
        self._tools = tools
        self._saving = Saving(tools, kind.namespace)

    def waiting(self, spec: Json) -> Change | None:
        """The first change of a new resource that has to wait for free instances; None when it can start at once.

        Work that waits costs nothing but its row: the reconciler acts on it when its turn comes.
        """
        if self._tools.placement.has_room(self._kind.instances(spec)):
            return None
        now = self._tools.clock.now()
        return replace(self._stage_change((), [("waiting", now)]), due=now + self._tools.placement.retry_seconds)

    def enqueue(self, resource: Resource) -> None:
        """Put a new resource into the queue of work that waits. The resource must be stored before."""
        self._tools.placement.enqueue(resource.id, self._kind.instances(resource.spec))

    def act(self, resource: Resource) -> Change:
        if RUN.final(resource.phase):
            return self._clean(resource)
        if resource.phase == "pending":
            return self._begin(resource)
        if "handle" not in resource.run:
            return self._end(resource, None)
        report = self._tools.backend.poll(resource.run["handle"])
        return self._follow(resource, report) if resource.phase != "saving" else self._end(resource, report)

    def broken(self, resource: Resource, reason: str) -> Change:
        if RUN.final(resource.phase):
            return Change(due=None)  # only the cleaning up failed, and the log says so
        now = self._tools.clock.now()
        return self._change(
            resource, now, phase="failed", status={"FailureReason": reason[:REASON_LENGTH]}, stages=[("failed", now)]
        )

    # --- pending -------------------------------------------------------------------------------------------------

    def _begin(self, resource: Resource) -> Change:
        now = self._tools.clock.now()
        if resource.wished == "stopped":
            self._tools.preparation.forget(resource.id)
            return self._final_change(resource, Outcome("stopped", "", None, now, False, {}))
        try:
            if not self._tools.placement.acquire(resource.id, self._kind.instances(resource.spec)):
                return self._change(resource, now + self._tools.placement.retry_seconds, stages=[("waiting", now)])
            plan = self._kind.plan(resource, self._tools)
            root = self._tools.preparation.path(plan.wanted, resource.id)
        except (Refused, BuildFailed, AwsError) as refusal:
            reason = _start_failure(refusal)
            return self._final_change(resource, Outcome("failed", reason, None, now, False, {}))
        if root is None:
            return self._change(resource, now + BUILD_SECONDS, stages=[("preparing", now)])
        workload = plan.workload(root)
        for path in workload.log_files[:1]:
            log_files.begin(Path(path), (*plan.wanted.spec.notes, *plan.notes), int(now * 1000))
        try:
            handle = self._tools.backend.start(resource.id, workload)
        except ValueError as error:  # what a request may name and no machine can have
            return self._final_change(resource, Outcome("failed", f"ClientError: {error}", None, now, False, {}))
        run = {
            "handle": handle,
            "role": workload.role,
            "destinations": {name: list(to) for name, to in plan.destinations.items()},
            "syncs": bool(workload.syncs),
            "most_seconds": workload.limits.max_runtime_seconds,
        }
        change = self._change(resource, now + POLL_SECONDS, phase="starting", run=run)
        word, _ = self._kind.trail.get("preparing", ("", ""))
        return replace(change, events=tuple(Event(now, word, note) for note in plan.wanted.spec.notes if word))

    # --- starting, running, stopping -----------------------------------------------------------------------------

    def _follow(self, resource: Resource, report: Report) -> Change:
        if report.ended and resource.phase == "stopping":
            return self._end(resource, report)
        now = self._tools.clock.now()
        metrics = ingest(self._tools, resource, self._kind.namespace)
        sync = self._saving.store_synced(resource)
        status, run = metrics.status, {**metrics.run, **self._saving.notes(resource, sync)}
        stages = self._reached(resource, report)
        phase = resource.phase
        if phase == "starting" and (report.ended or any(stage == "running" for stage, _ in stages)):
            phase = "running"
        # That a run is to end is written first and done in the next act, perhaps twice: after a server was killed in
        # between, the next one must know why the run ended.
        if not report.ended and (phase == "stopping" or resource.run.keys() & {"culprit", "overrun"}):
            self._tools.backend.stop(resource.run["handle"], self._tools.settings.stop_grace_seconds)
            if now > resource.run.get("ends_by", now) and not all(map(_keeps_outputs, report.instances)):
                self._tools.backend.kill(resource.run["handle"])
                return self._change(resource, now)
        due = now if metrics.more or sync.more else now + POLL_SECONDS
        ends_by = {"ends_by": now + self._tools.settings.stop_grace_seconds + OVERDUE_SECONDS}
        if resource.wished == "stopped" and phase != "stopping" and not report.ended:
            phase, due, run = "stopping", now, run | ends_by
            stages.append(("stopping", now))
        if report.ended:
            return self._change(resource, now, phase="saving", status=status, run=run, stages=stages)
        if "ends_by" not in resource.run and self._overran(resource, report, now):
            run, due = run | ends_by | {"overrun": True}, now
        failed_first = next(filter(_failed, report.instances), None)
        if failed_first and self._kind.together and "culprit" not in resource.run:
            # One instance failed: the others would wait for it for ever.
            run, due = run | ends_by | {"culprit": failed_first.host}, now
        return self._change(resource, due, phase=phase, status=status, run=run, stages=stages)

    def _overran(self, resource: Resource, report: Report, now: float) -> bool:
        """Whether the process of an instance runs on though its agent should have ended it long ago."""
        most = resource.run.get("most_seconds", 0)
        late = most + self._tools.settings.stop_grace_seconds + OVERRUN_SECONDS
        running = [each for each in report.instances if not _keeps_outputs(each)]
        began = [at for each in running for stage, at in each.stages if stage == "running"]
        return bool(most and began) and now > min(began) + late

    def _reached(self, resource: Resource, report: Report) -> list[tuple[str, float]]:
        """The stages that all instances have reached since the last poll, each with the time of the last instance."""
        earlier = resource.run.get("stages", [])
        times: dict[str, list[float]] = {}
        for instance in report.instances:
            for stage, at in instance.stages:
                times.setdefault(stage, []).append(at)
        return [
            (stage, max(times[stage]))
            for stage in STAGES
            if stage not in earlier and len(times.get(stage, ())) == len(report.instances)
        ]

    # --- saving --------------------------------------------------------------------------------------------------

    def _end(self, resource: Resource, report: Report | None) -> Change:
        now = self._tools.clock.now()
        if report is None:
            return self._final_change(
                resource, Outcome("failed", "InternalServerError: the run was lost", None, now, False, {})
            )
        metrics = ingest(self._tools, resource, self._kind.namespace)
        if metrics.more:
            return self._change(resource, now, status=metrics.status, run=metrics.run)
        timed_out = "overrun" in resource.run or any(instance.timed_out for instance in report.instances)
        stopped = resource.phase == "stopping" or timed_out
        reason = "" if stopped else self._first_failure(resource, report)
        sync = self._saving.store_synced(resource, final=True)
        refused = next(iter(sync.refused.values()), "")
        try:
            saved = None if sync.more else self._saving.outputs(resource, report)
        except AwsError as error:  # the bucket was deleted meanwhile, for instance
            saved, refused = {}, f"{error.code}: {error.message}"
        if saved is None:
            return self._change(resource, now, status=metrics.status, run=metrics.run)  # and the next act goes on
        if refused:
            stopped = False
            reason = reason or f"ClientError: Unable to upload the output to S3: {refused}"
        outcome = Outcome(
            phase="stopped" if stopped else "failed" if reason else "succeeded",
            reason=reason,
            started=min(
                (at for i in report.instances for stage, at in i.stages if stage == "downloading"), default=None
            ),
            ended=now,
            timed_out=timed_out,
            saved=saved,
            message=next((i.message for i in report.instances if i.message), ""),
        )
        return self._final_change(resource, outcome, report, metrics)

    def _first_failure(self, resource: Resource, report: Report) -> str:
        """The failure reason of the instance that failed first; an empty text when none failed."""
        failed = list(filter(_failed, report.instances))
        first = resource.run.get("culprit")
        failed.sort(key=lambda instance: instance.host != first)
        return failure_reason(failed[0]) if failed else ""

    def _final_change(
        self, resource: Resource, outcome: Outcome, report: Report | None = None, metrics: Ingested | None = None
    ) -> Change:
        status, run = (metrics.status, metrics.run) if metrics else ({}, {})
        merged = resource.status | status
        stages = self._reached(resource, report) if report else []
        stages.append(("timed_out" if outcome.timed_out else outcome.phase, outcome.ended))
        final = {**status, **self._kind.finish(_with_status(resource, merged), self._tools, outcome)}
        if outcome.reason:
            final["FailureReason"] = outcome.reason[:REASON_LENGTH]
        return self._change(resource, outcome.ended, phase=outcome.phase, status=final, run=run, stages=stages)

    def _clean(self, resource: Resource) -> Change:
        self._tools.placement.release(resource.id)
        self._tools.preparation.forget(resource.id)
        # By name: a server that was killed may have started the run of a pending resource and not noted its handle.
        self._tools.backend.remove_all(resource.id)
        return Change(due=None, run={"handle": None})

    def _change(
        self,
        resource: Resource,
        due: float,
        *,
        phase: str | None = None,
        status: Mapping[str, Any] | None = None,
        run: Mapping[str, Any] | None = None,
        stages: list[tuple[str, float]] | None = None,
    ) -> Change:
        """A change that also records the new ones of ``stages``."""
        base = self._stage_change(resource.run.get("stages", ()), stages or [])
        return replace(
            base, due=due, phase=phase, status={**(status or {}), **base.status}, run={**(run or {}), **base.run}
        )

    def _stage_change(self, earlier: Sequence[str], stages: Sequence[tuple[str, float]]) -> Change:
        """Records the stages that are not among ``earlier``: an event for each, and their names in the run's notes."""
        new = [(stage, at) for stage, at in stages if stage not in earlier]
        transitions = [(*self._kind.trail[stage], at) for stage, at in new if stage in self._kind.trail]
        events = tuple(Event(at, word, message) for word, message, at in transitions)
        notes = {"stages": [*earlier, *(stage for stage, _ in new)]} if new else {}
        secondary = {self._kind.secondary: events[-1].word} if events and self._kind.secondary else {}
        return Change(due=None, status=secondary, run=notes, events=events)


def download_failed(denial: AccessDenied) -> str:
    """The FailureReason of work whose role may not read an input."""
    return f"ClientError: Data download failed: Unable to download {denial.uri} ({denial.code}: {denial.message})"


def _start_failure(refusal: Exception) -> str:
    """The FailureReason of a run that could not begin."""
    if isinstance(refusal, AccessDenied):
        return download_failed(refusal)
    if isinstance(refusal, AwsError):  # inputs that cannot be fetched
        return f"ClientError: Data download failed: {refusal.message}"
    return str(refusal)


def _failed(instance: InstanceReport) -> bool:
    """Whether an instance failed. It has no exit code when its process never started, and a reason beside exit code 0
    when its outputs could not be kept."""
    if instance.stage != "ended":
        return instance.stage == "lost"
    return instance.exit_code != 0 or bool(instance.reason and not instance.timed_out)


def failure_reason(instance: InstanceReport) -> str:
    """What went wrong on an instance, in AWS's frame with the agent's digest and the failure file's text inside."""
    if instance.stage == "lost":
        return f"InternalServerError: {instance.reason or 'the agent of the job ended without a report'}"
    if not instance.exit_code or instance.out_of_memory:
        return f"ClientError: {instance.reason}"
    failure_text = instance.failure.strip()
    digest = instance.reason
    if failure_text and digest.startswith("exited with code"):  # the failure file says more, except what was printed
        printed = digest.partition(": ")[2]
        failure_text, digest = failure_text.replace(_EMPTY_MESSAGE, f'ErrorMessage "{printed}"'), ""
    elif digest in failure_text:
        digest = ""
    text = "\n".join(part for part in (digest, failure_text) if part)
    room = REASON_LENGTH - len(f"AlgorithmError: , exit code: {instance.exit_code}")
    return f"AlgorithmError: {text[:room]}, exit code: {instance.exit_code}"


def _keeps_outputs(instance: InstanceReport) -> bool:
    """Whether the user's process has ended on an instance. Packing the outputs then takes as long as they are large."""
    return instance.stage in ("packing", "ended", "lost")


def _with_status(resource: Resource, status: dict[str, Any]) -> Resource:
    return resource._replace(status=status)
