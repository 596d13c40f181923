"""What a job made becomes objects: its outputs at the end, files of its synced directories while it runs.

Everything here may be done twice, by a server that was killed and by the next one, and then gives the same objects.
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
"""How long one act stores files; the next act goes on."""
RETRY_SECONDS = 30.0
"""How long an output that S3 refused is left alone while the job runs."""
MOST_KEY_BYTES = 1024
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Synced:
    """What was done with the spool: whether there is ``more`` to do at once, and why outputs were ``refused``."""

    more: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)


class Saving:
    """Stores what runs leave. ``log_group`` is where their logs are."""

    def __init__(self, tools: Tools, log_group: str) -> None:
        self._tools = tools
        self._log_group = log_group

    # --- while it runs -------------------------------------------------------------------------------------------

    def synced(self, resource: Resource, *, final: bool = False) -> Synced:
        """Store a portion of what waits in the spools of the run. ``final``: nothing is left alone for now."""
        if not resource.run.get("syncs"):
            return Synced()
        deadline = time.monotonic() + PORTION_SECONDS
        left_alone = {} if final else self._left_alone(resource)
        refused: dict[str, str] = {}
        for host in resource.run["handle"]["hosts"]:
            place = self._tools.backend.instance_directory(resource.run["handle"], host) / spool.DIRECTORY
            for number in spool.waiting(str(place)):
                item = spool.read(str(place), number)
                if item is None or item.output in left_alone or item.output in refused:
                    continue
                try:
                    self._take(resource, host, item)
                except AwsError as error:
                    refused[item.output] = f"{error.code}: {error.message}"
                    self._refused(resource, host, item, refused[item.output])
                    continue
                item.done()
                if time.monotonic() > deadline:
                    return Synced(True, {**left_alone, **refused})
        return Synced(False, {**left_alone, **refused})

    def notes(self, resource: Resource, synced: Synced) -> dict[str, object]:
        """What of ``synced`` the run remembers."""
        before = resource.run.get("refused") or {}
        if dict(synced.refused) == before.get("outputs", {}):
            return {}
        again = self._tools.clock.now() + RETRY_SECONDS
        return {"refused": {"outputs": dict(synced.refused), "again": again} if synced.refused else None}

    def _left_alone(self, resource: Resource) -> dict[str, str]:
        noted = resource.run.get("refused")
        if not noted or self._tools.clock.now() >= noted["again"]:
            return {}
        return dict(noted["outputs"])

    def _take(self, resource: Resource, host: str, item: spool.Item) -> None:
        """Store one item. Raises ``AwsError`` when S3 refuses it."""
        bucket, prefix = resource.run["destinations"][item.output]
        key = f"{prefix}/{item.name}".lstrip("/")
        if wrong := key_trouble(key):
            self._say(resource, host, f"a file is not copied to S3: {wrong}")
        elif item.deleted:
            self._delete(resource, host, bucket, key)
        elif Path(item.data).exists():  # else a server that was killed stored it
            self._objects(resource).put_file(bucket, key, Path(item.data), move=True)

    def _delete(self, resource: Resource, host: str, bucket: str, key: str) -> None:
        try:
            self._objects(resource).delete(bucket, [key])
        except AwsError as error:  # a copy too many is no reason to end the job
            self._say(resource, host, f"{key} stays in s3://{bucket}, though the job deleted it: {error.message}")

    def _objects(self, resource: Resource) -> RoleObjects:
        return self._tools.objects_as(resource, resource.run.get("role"))

    def _refused(self, resource: Resource, host: str, item: spool.Item, reason: str) -> None:
        bucket, prefix = resource.run["destinations"][item.output]
        noted = (resource.run.get("refused") or {}).get("outputs", {})
        if noted.get(item.output) != reason:
            self._say(resource, host, f"files cannot be copied to s3://{bucket}/{prefix} for now: {reason}")

    def _say(self, resource: Resource, host: str, line: str) -> None:
        """A line in the log of one host."""
        name = f"{resource.name}/{host}-{int(resource.created)}"
        stream = self._tools.logs.open_stream(resource.account, resource.region, self._log_group, name)
        self._tools.logs.put(stream, [(round(self._tools.clock.now() * 1000), f"sagewright: {line}")])

    # --- at its end ----------------------------------------------------------------------------------------------

    def outputs(self, resource: Resource, report: Report) -> dict[str, str] | None:
        """Make objects of the outputs, as the role of the work: their S3 URIs by name; None when there is more to do.

        Of files that several hosts wrote under one name the first host's is kept.
        """
        deadline = time.monotonic() + PORTION_SECONDS
        objects = self._objects(resource)
        saved: dict[str, str] = {}
        for name, (bucket, key) in resource.run["destinations"].items():
            places = [Path(instance.outputs[name]) for instance in report.instances if name in instance.outputs]
            if not places:
                continue
            # The last host's first: what the first host has replaces it, however often this is cut off.
            files = [pair for place in reversed(places) if place.is_dir() for pair in _tree(place, key)]
            if wrong := next(filter(None, (key_trouble(file_key) for _, file_key in files)), ""):
                raise ValidationException(f"a file cannot be an object of S3: {wrong}")
            for file, file_key in files:
                _keep(objects, file, bucket, file_key)
                if time.monotonic() > deadline:
                    return None
            if not places[0].is_dir():
                _keep(objects, self._archive(resource, report, name, places), bucket, key)
            saved[name] = f"s3://{bucket}/{key}"
        return saved

    def _archive(self, resource: Resource, report: Report, name: str, places: list[Path]) -> Path:
        if len(report.instances) == 1:
            return places[0]
        whole = places[0].with_name(f"{name}.of-all-hosts")
        if left_out := merge(places, whole):
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
    """Why S3 can have no object of that key; empty when it can."""
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return f"its name is not UTF-8: {key!r}"
    return f"its key has {length} bytes, and S3 takes {MOST_KEY_BYTES}: {key[:80]!r}" if length > MOST_KEY_BYTES else ""


def _tree(root: Path, key: str) -> Iterator[tuple[Path, str]]:
    for file in sorted(root.rglob("*")):
        if file.is_file():
            yield file, f"{key}/{file.relative_to(root)}".lstrip("/")
