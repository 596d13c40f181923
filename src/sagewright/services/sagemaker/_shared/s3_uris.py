"""S3 URIs in requests: taken apart, checked against the object store, and turned into files to lay out."""

from __future__ import annotations

from sagewright.backends.base import InputFile
from sagewright.core.errors import ValidationException
from sagewright.core.s3_uri import split
from sagewright.engine.role_objects import AccessDenied, RoleObjects

LOOKED_AT = 1000
"""Objects below an input's prefix that a role is asked for before the work begins; then it is asked for all."""


def joined(uri: str, *parts: str) -> str:
    """The URI with path parts appended, exactly one slash between them; ``s3://`` also where it was ``https://``."""
    if uri.startswith("https://"):
        uri = "s3://{}/{}".format(*split(uri))
    return "/".join((uri.rstrip("/"), *parts))


def require_bucket(objects: RoleObjects, uri: str, written: str = "output") -> None:
    """Raises ValidationException unless the URI's bucket exists and the role may write ``written`` below the URI."""
    bucket, key = _split_or_refuse(uri)
    if objects.bucket(bucket) is None:
        raise ValidationException(f"The S3 bucket {bucket!r} in {uri!r} does not exist.")
    try:
        objects.require("s3:PutObject", bucket, [joined(key, written) if key else written])
    except AccessDenied as denial:
        raise ValidationException(
            f'The role "{objects.role.arn}" does not have "s3:PutObject" permissions on {uri!r}. {denial.message}'
        ) from None


def require_objects(objects: RoleObjects, uri: str) -> None:
    """Raises ValidationException, in AWS's words, unless something lies at or below the URI that the role may read.

    Only the first few objects are looked at: the role is asked for each when the work begins.
    """
    bucket, _ = _split_or_refuse(uri)
    reason = ""
    try:
        found = some_below(objects, uri)
    except AccessDenied as denial:
        found, reason = [], f" {denial.message}"
    if not found:
        raise ValidationException(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
            f"exists in the selected region ({objects.role.region}), that objects exist under that S3 prefix, and that "
            f'the role "{objects.role.arn}" has "s3:ListBucket" permissions on bucket "{bucket}".{reason}'
        )


def some_below(objects: RoleObjects, uri: str) -> list[str]:
    """Keys that begin with the URI's, up to ``LOOKED_AT``. Raises ``AccessDenied`` unless the role may read them."""
    bucket, prefix = _split_or_refuse(uri)
    if objects.bucket(bucket) is None:
        return []
    keys = [info.key for info in objects.list(bucket, prefix, limit=LOOKED_AT)]
    if keys:
        objects.require("s3:GetObject", bucket, keys)
    return keys


def require_readable(objects: RoleObjects, uri: str) -> None:
    """Raises ValidationException unless the role may read the object at the URI, be there one or not."""
    bucket, key = _split_or_refuse(uri)
    try:
        objects.require("s3:GetObject", bucket, [key])
    except AccessDenied as denial:
        raise ValidationException(
            f'The role "{objects.role.arn}" does not have "s3:GetObject" permissions on {uri!r}. {denial.message}'
        ) from None


def object_exists(objects: RoleObjects, uri: str) -> bool:
    """Whether there is an object at the URI. Raises ``AccessDenied`` unless the role may read it."""
    bucket, key = _split_or_refuse(uri)
    return bool(key) and objects.bucket(bucket) is not None and objects.head(bucket, key) is not None


def object_at(objects: RoleObjects, uri: str) -> tuple[InputFile, ...]:
    """The one object at an S3 URI under the last part of its key; nothing when it is not there.

    Raises ``AccessDenied``, and ``Coming`` while it is being fetched from elsewhere or made one file.
    """
    bucket, key = split(uri)
    found = objects.head(bucket, key) if key and objects.bucket(bucket) is not None else None
    if found is None:
        return ()
    return (InputFile(key.rpartition("/")[2], str(objects.files([found])[0]), found.size),)


def inputs_below(objects: RoleObjects, uri: str) -> tuple[InputFile, ...]:
    """The objects a container gets for an S3Prefix: names relative to the prefix, folders left out.

    Raises ``AccessDenied``, and ``Coming`` while they are being fetched from elsewhere, or made one file.
    """
    bucket, prefix = split(uri)
    if objects.bucket(bucket) is None:
        return ()
    base = prefix[: prefix.rfind("/") + 1]
    root = base if prefix.endswith("/") or not prefix else f"{prefix}/"
    below = [info for info in objects.below(bucket, prefix) if not info.key.endswith("/")]
    exact = [info for info in below if info.key == prefix]
    named = [
        (info.key[len(root) :] if info.key.startswith(root) else info.key[len(base) :], info) for info in exact or below
    ]
    files = objects.files([info for _, info in named])
    return tuple(InputFile(name, str(file), info.size) for (name, info), file in zip(named, files, strict=True))


def _split_or_refuse(uri: str) -> tuple[str, str]:
    try:
        return split(uri)
    except ValueError as error:
        raise ValidationException(str(error)) from None
