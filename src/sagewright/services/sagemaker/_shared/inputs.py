"""Inputs of jobs: what lies below an S3 prefix or is named by a manifest, for a place in the sandbox."""

from __future__ import annotations

import posixpath
import random
from collections.abc import Sequence

from sagewright.backends.base import Input, InputFile
from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.core.s3_uri import split
from sagewright.engine.role_objects import RoleObjects
from sagewright.engine.run import Refused
from sagewright.services.sagemaker._shared import manifests
from sagewright.services.sagemaker._shared.s3_uris import (
    inputs_below,
    object_exists,
    require_objects,
    require_readable,
)

MANIFEST = "ManifestFile"


def require_source(objects: RoleObjects, member: str, source: Json) -> None:
    """Raises ValidationException unless the role can fetch ``source`` (S3DataType, S3Uri).

    ``member`` is what the request calls the source.
    """
    require_objects(objects, source["S3Uri"])
    if source["S3DataType"] == MANIFEST:
        require_readable(objects, source["S3Uri"])
        if not object_exists(objects, source["S3Uri"]):
            raise ValidationException(f"{member}.S3Uri: there is no {MANIFEST} at {source['S3Uri']!r}.")


def fetch(path: str, source: Json, objects: RoleObjects, *, gunzip: bool = False, seed: int | None = None) -> Input:
    """The files of ``source`` (S3DataType, S3Uri) for ``path``, in an order that ``seed`` shuffles.

    Raises ``Refused`` when there are none (any more), ``AccessDenied``, and ``Coming`` while they are being fetched
    from elsewhere.
    """
    uri = source["S3Uri"]
    named = source.get("S3DataType") == MANIFEST
    files = list(_of_manifest(uri, objects) if named else inputs_below(objects, uri))
    if not files:
        raise Refused(f"ClientError: Data download failed: no objects found at {uri} for {path}")
    if seed is not None:
        random.Random(seed).shuffle(files)  # noqa: S311 - no secret
    return Input(posixpath.normpath(path), require_distinct(files, uri), gunzip=gunzip)


def require_distinct(files: Sequence[InputFile], uri: str) -> tuple[InputFile, ...]:
    """The files, if none has the name of another's directory. Raises ``Refused``."""
    names = {file.name for file in files}
    for file in files:
        parent = posixpath.dirname(file.name)
        while parent:
            if parent in names:
                raise Refused(
                    f"ClientError: Data download failed: {uri} has an object {parent!r} and an object {file.name!r}: "
                    "one of them would be a file and a directory at once"
                )
            parent = posixpath.dirname(parent)
    return tuple(files)


def _of_manifest(uri: str, objects: RoleObjects) -> Sequence[InputFile]:
    document = objects.read(*split(uri), manifests.MOST_BYTES + 1)
    if document is None:
        raise Refused(f"ClientError: Data download failed: the manifest {uri} does not exist")
    try:
        listed = manifests.parse(document)
    except ValueError as error:
        raise Refused(f"ClientError: Data download failed: the manifest {uri} cannot be read: {error}") from None
    there = []
    for each in listed:
        info = objects.head(each.bucket, each.key)
        if info is None:
            raise Refused(
                f"ClientError: Data download failed: NoSuchKey (404): s3://{each.bucket}/{each.key}, named by the "
                f"manifest {uri}, does not exist"
            )
        there.append((each.name, info))
    paths = objects.files([info for _, info in there])
    return [InputFile(name, str(path), info.size) for (name, info), path in zip(there, paths, strict=True)]
