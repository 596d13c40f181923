"""Saves what a job wrote as objects: its outputs at the end, the files of its synced directories while it runs.

Every step may be carried out twice, by a server that was killed and by the next one; the objects are the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sagewright.backends.base import Report
from sagewright.core.errors import AwsError, ValidationException
from sagewright.engine.archives import merge
from sagewright.engine.role_objects import RoleObjects
from sagewright.engine.tools import Tools
from sagewright.store.resources import Resource
from sagewright_runtime.shared import spool

PORTION_SECONDS = 0.5
"""How long one act stores files; the next act continues."""
RETRY_SECONDS = 30.0
"""How long nothing is stored for an output that S3 refused, while the job runs."""
MOST_KEY_BYTES = 1024
_NAMED = 5


@dataclass(frozen=True, slots=True)
class SyncReport:
    """The result of storing from the spools: whether there is ``more`` to store now, and why S3 ``refused`` outputs."""

    more: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)


class Saving:
    """Stores the files of runs. ``log_group`` is where their logs are."""

    def __init__(self, tools: Tools, log_group: str) -> None:
        self._tools = tools
        self._log_group = log_group

    # --- while it runs -------------------------------------------------------------------------------------------

    def store_synced(self, resource: Resource, *, final: bool = False) -> SyncReport:
        """Store a portion of what waits in the spools of the run. ``final``: even where S3 refused lately."""
        if not resource.run.get("syncs"):
            return SyncReport()
        deadline = time.monotonic() + PORTION_SECONDS
        paused = {} if final else self._paused_outputs(resource)
        refused: dict[str, str] = {}
        for host in resource.run["handle"]["hosts"]:
            directory = self._tools.backend.instance_directory(resource.run["handle"], host) / spool.DIRECTORY
            for number in spool.waiting(str(directory)):
                item = spool.read(str(directory), number)
                if item is None or item.output in paused or item.output in refused:
                    continue
                try:
                    self._store_item(resource, host, item)
                except AwsError as error:
                    refused[item.output] = f"{error.code}: {error.message}"
                    self._log_refusal(resource, host, item, refused[item.output])
                    continue
                item.done()
                if time.monotonic() > deadline:
                    return SyncReport(True, {**paused, **refused})
        return SyncReport(False, {**paused, **refused})

    def notes(self, resource: Resource, sync: SyncReport) -> dict[str, object]:
        """The run's notes of ``sync``: which outputs S3 refused, and when to try again."""
        before = resource.run.get("refused") or {}
        if dict(sync.refused) == before.get("outputs", {}):
            return {}
        again = self._tools.clock.now() + RETRY_SECONDS
        return {"refused": {"outputs": dict(sync.refused), "again": again} if sync.refused else None}

    def _paused_outputs(self, resource: Resource) -> dict[str, str]:
        notes = resource.run.get("refused")
        if not notes or self._tools.clock.now() >= notes["again"]:
            return {}
        return dict(notes["outputs"])

    def _store_item(self, resource: Resource, host: str, item: spool.Item) -> None:
        """Store one item. Raises ``AwsError`` when S3 refuses it."""
        bucket, prefix = resource.run["destinations"][item.output]
        key = f"{prefix}/{item.name}".lstrip("/")
        if problem := key_trouble(key):
            self._say(resource, host, f"a file is not copied to S3: {problem}")
        elif item.deleted:
            self._delete(resource, host, bucket, key)
        elif Path(item.data).exists():  # otherwise a server that was killed has stored it
            self._objects(resource).put_file(bucket, key, Path(item.data), move=True)

    def _delete(self, resource: Resource, host: str, bucket: str, key: str) -> None:
        try:
            self._objects(resource).delete(bucket, [key])
        except AwsError as error:  # one object too many is no reason to end the job
            self._say(resource, host, f"{key} stays in s3://{bucket}, though the job deleted it: {error.message}")

    def _objects(self, resource: Resource) -> RoleObjects:
        return self._tools.objects_as(resource, resource.run.get("role"))

    def _log_refusal(self, resource: Resource, host: str, item: spool.Item, reason: str) -> None:
        bucket, prefix = resource.run["destinations"][item.output]
        notes = (resource.run.get("refused") or {}).get("outputs", {})
        if notes.get(item.output) != reason:
            self._say(resource, host, f"files cannot be copied to s3://{bucket}/{prefix} for now: {reason}")

    def _say(self, resource: Resource, host: str, line: str) -> None:
        """A line in the log of one host."""
        name = f"{resource.name}/{host}-{int(resource.created)}"
        stream = self._tools.logs.open_stream(resource.account, resource.region, self._log_group, name)
        self._tools.logs.put(stream, [(round(self._tools.clock.now() * 1000), f"sagewright: {line}")])

    # --- at its end ----------------------------------------------------------------------------------------------

    def outputs(self, resource: Resource, report: Report) -> dict[str, str] | None:
        """Store the outputs with the rights of the work's role. Returns their S3 URIs by name; None when more remains.

        Where several hosts wrote a file of one name, the first host's is saved.
        """
        deadline = time.monotonic() + PORTION_SECONDS
        objects = self._objects(resource)
        saved: dict[str, str] = {}
        for name, (bucket, key) in resource.run["destinations"].items():
            paths = [Path(instance.outputs[name]) for instance in report.instances if name in instance.outputs]
            if not paths:
                continue
            # From the last host to the first, so that the first host's files win, however often this is cut off.
            files = [pair for path in reversed(paths) if path.is_dir() for pair in _tree(path, key)]
            if problem := next(filter(None, (key_trouble(file_key) for _, file_key in files)), ""):
                raise ValidationException(f"a file cannot be an object of S3: {problem}")
            for file, file_key in files:
                _keep(objects, file, bucket, file_key)
                if time.monotonic() > deadline:
                    return None
            if not paths[0].is_dir():
                _keep(objects, self._archive(resource, report, name, paths), bucket, key)
            saved[name] = f"s3://{bucket}/{key}"
        return saved

    def _archive(self, resource: Resource, report: Report, name: str, paths: list[Path]) -> Path:
        if len(report.instances) == 1:
            return paths[0]
        whole = paths[0].with_name(f"{name}.of-all-hosts")
        if left_out := merge(paths, whole):
            more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
            names = ", ".join(map(repr, left_out[:_NAMED]))
            line = f"several hosts wrote the same names; {name} has the first host's of {names}{more}"
            self._say(resource, report.instances[0].host, line)
        return whole


def _keep(objects: RoleObjects, file: Path, bucket: str, key: str) -> None:
    """Move a file into the object store, unless an act that was cut off did so before."""
    try:
        objects.put_file(bucket, key, file, move=True)
    except FileNotFoundError:
        if not objects.exists(bucket, key):
            raise


def key_trouble(key: str) -> str:
    """Why S3 cannot hold an object with that key; empty when it can."""
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return f"its name is not UTF-8: {key!r}"
    return f"its key has {length} bytes, and S3 takes {MOST_KEY_BYTES}: {key[:80]!r}" if length > MOST_KEY_BYTES else ""


def _tree(root: Path, key: str) -> Iterator[tuple[Path, str]]:
    for file in sorted(root.rglob("*")):
        if file.is_file():
            yield file, f"{key}/{file.relative_to(root)}".lstrip("/")
