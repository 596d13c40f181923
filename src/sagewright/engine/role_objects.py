"""The objects of users, as the role of a workload may see them.

SageMaker reads inputs and saves outputs as the role of the work, so the role is asked for each key at the moment when
its bytes move: what was allowed at Create may be forbidden when the work starts, and the other way round. Work without
a role has no objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sagewright.core.errors import AwsError
from sagewright.store.objects import Bucket, ObjectInfo, ObjectStore, StoredObject
from sagewright.store.resources import Resource

PAGE = 1000
Context = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WorkRole:
    """The role that SageMaker takes on for a piece of work.

    ``arn`` is empty when the work has no role. ``source`` is the ARN of the work: a trust policy may ask for it.
    ``service`` is who takes the role on.
    """

    arn: str
    account: str
    region: str
    source: str
    service: str = "sagemaker.amazonaws.com"

    @staticmethod
    def of(resource: Resource, arn: str | None = None) -> WorkRole:
        """The role of a resource's work: ``arn``, or the one that its request names."""
        if arn is None:
            arn = str(resource.spec.get("RoleArn", resource.spec.get("ExecutionRoleArn", "")))
        return WorkRole(arn, resource.account, resource.region, resource.arn)


class RoleAccess(Protocol):
    """What roles may do. ``access.role_sessions`` decides."""

    def refusal(
        self, role: WorkRole, action: str, resources: Sequence[str], owner: str, context: Context = ()
    ) -> tuple[str, str] | None:
        """The first of the ARNs on which the role may not do ``action``, and why, in AWS's words; else None.

        ``owner`` is the account of the bucket; ``context`` has condition keys that only this question has.
        """


class AccessDenied(AwsError):
    """The role may not do that to an object or a bucket, whose S3 URI is ``uri``."""

    code = "AccessDenied"
    status = 403

    def __init__(self, message: str, uri: str) -> None:
        super().__init__(message)
        self.uri = uri


class RoleObjects:
    """Buckets and objects through the eyes of a role. Every method but ``bucket`` raises ``AccessDenied``.

    It is made for one call or one act: it looks up a bucket once.
    """

    def __init__(self, objects: ObjectStore, access: RoleAccess, role: WorkRole) -> None:
        self._objects = objects
        self._access = access
        self._buckets: dict[str, Bucket | None] = {}
        self.role = role

    def bucket(self, name: str) -> Bucket | None:
        """The bucket of that name, or None. It asks nobody: whether a bucket exists is no secret on AWS either."""
        if name not in self._buckets:
            self._buckets[name] = self._objects.bucket(name)
        return self._buckets[name]

    def list(self, bucket: str, prefix: str, *, after: str = "", limit: int = PAGE) -> Sequence[ObjectInfo]:
        """The first ``limit`` objects whose keys begin with ``prefix`` and come after ``after``, in order of keys."""
        self._require("s3:ListBucket", bucket, [], (("s3:prefix", prefix),))
        return self._objects.list(bucket, prefix=prefix, start_after=after, limit=limit).objects

    def below(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose keys begin with ``prefix``, in order of keys."""
        self._require("s3:ListBucket", bucket, [], (("s3:prefix", prefix),))
        after: str | None = ""
        while after is not None:
            page = self._objects.list(bucket, prefix=prefix, start_after=after, limit=PAGE)
            yield from page.objects
            after = page.next

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """The object, or None."""
        self._require("s3:GetObject", bucket, [key])
        return self._objects.head(bucket, key)

    def files(self, infos: Sequence[ObjectInfo]) -> Sequence[Path]:
        """Files of this machine with the bytes of these objects, on the terms of ``ObjectStore.files``.

        Raises ``Coming`` while they are being made or fetched: ask again.
        """
        keys: dict[str, list[str]] = {}
        for info in infos:
            keys.setdefault(info.bucket, []).append(info.key)
        for bucket, theirs in keys.items():
            self._require("s3:GetObject", bucket, theirs)
        return self._objects.files([info.extent for info in infos])

    def read(self, bucket: str, key: str, most: int) -> bytes | None:
        """The first ``most`` bytes of an object, None when it is not there."""
        found = self.head(bucket, key)
        if found is None:
            return None
        size = min(found.size, most)
        with self._objects.reader(found.extent, 0, size) as reader:
            return reader.read(size)

    def exists(self, bucket: str, key: str) -> bool:
        """Whether there is such an object: for work that wrote it itself, whose role need not be able to read it."""
        self._require("s3:PutObject", bucket, [key])
        return self._objects.head(bucket, key) is not None

    def put_file(self, bucket: str, key: str, file: Path, *, move: bool = False) -> StoredObject:
        """Make an object of a file, on the terms of ``ObjectStore.put_file``."""
        self._require("s3:PutObject", bucket, [key])
        return self._objects.put_file(bucket, key, file, move=move)

    def delete(self, bucket: str, keys: Sequence[str]) -> None:
        """Remove objects; keys that are not there are no error."""
        self._require("s3:DeleteObject", bucket, keys)
        self._objects.delete(bucket, keys)

    def require(self, action: str, bucket: str, keys: Sequence[str]) -> None:
        """Ask the role for each key and do nothing: for checks before the work begins."""
        self._require(action, bucket, keys)

    def _require(self, action: str, bucket: str, keys: Sequence[str], context: Context = ()) -> None:
        """Ask the role for each key, or for the bucket itself when there is none."""
        found = self.bucket(bucket)
        if found is None:
            return  # the store says so in its own words, and there is nothing to protect
        root = f"arn:aws:s3:::{bucket}"
        resources = [f"{root}/{key}" for key in keys] or [root]
        refused = self._access.refusal(self.role, action, resources, found.account, context)
        if refused is not None:
            arn, why = refused
            raise AccessDenied(why, f"s3://{arn.removeprefix('arn:aws:s3:::')}")
