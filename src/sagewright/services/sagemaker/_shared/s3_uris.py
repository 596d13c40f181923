"""S3 URIs in requests: taken apart, checked against the object store, and turned into files to lay out."""

from __future__ import annotations

from functools import partial

from sagewright.access.permissions import s3_arn
from sagewright.backends.base import InputFile
from sagewright.core.errors import ValidationException
from sagewright.nouns.operations import Call
from sagewright.store.objects import ObjectInfo, ObjectStore

LOOKED_AT = 100
"""Objects below an input's prefix that a role's permission is asked for before work begins."""


def split(uri: str) -> tuple[str, str]:
    """``s3://bucket/a/b`` → (``bucket``, ``a/b``). Raises ``ValueError`` for anything else."""
    if not uri.startswith("s3://"):
        raise ValueError(f"not an S3 URI: {uri!r}")
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise ValueError(f"not an S3 URI: {uri!r}")
    return bucket, key


def joined(uri: str, *parts: str) -> str:
    """The URI with path parts appended, exactly one slash between them."""
    return "/".join((uri.rstrip("/"), *parts))


def require_bucket(call: Call, uri: str, role: str = "") -> None:
    """Raises ValidationException unless the URI's bucket exists and ``role``, if given, may write below the URI."""
    bucket, key = _split_or_refuse(uri)
    if call.platform.objects.bucket(bucket) is None:
        raise ValidationException(f"The S3 bucket {bucket!r} in {uri!r} does not exist.")
    below = s3_arn(bucket, joined(key, "output") if key else "output")
    if role and not call.platform.access.role_may(call, role, "s3:PutObject", below):
        raise ValidationException(f'The role "{role}" does not have "s3:PutObject" permissions on {uri!r}.')


def require_objects(call: Call, uri: str, role: str) -> None:
    """Raises ValidationException, in AWS's words, unless something lies at or below the URI that the role may read."""
    if not _looked_at(call, uri) or not readable(call, uri, role):
        bucket, _ = _split_or_refuse(uri)
        raise ValidationException(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
            f"exists in the selected region ({call.region}), that objects exist under that S3 prefix, and that the "
            f'role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
        )


def readable(call: Call, uri: str, role: str) -> bool:
    """Whether the role, if given, may list and read what lies at or below the URI, be it nothing."""
    keys = _looked_at(call, uri)
    if not keys or not role:
        return True
    bucket, prefix = _split_or_refuse(uri)
    may = partial(call.platform.access.role_may, call, role)
    return may("s3:ListBucket", s3_arn(bucket), {"Prefix": prefix}) and all(
        may("s3:GetObject", s3_arn(bucket, key)) for key in keys
    )


def _looked_at(call: Call, uri: str) -> list[str]:
    bucket, key = _split_or_refuse(uri)
    objects = call.platform.objects
    if objects.bucket(bucket) is None:
        return []
    return [info.key for info in objects.list(bucket, prefix=key, limit=LOOKED_AT).objects]


def inputs_below(objects: ObjectStore, uri: str) -> tuple[InputFile, ...]:
    """The objects a container gets for an S3Prefix: names relative to the prefix, folders left out.

    Raises ``Coming`` while they are being fetched from elsewhere, or made one file.
    """
    bucket, prefix = split(uri)
    if objects.bucket(bucket) is None:
        return ()
    base = prefix[: prefix.rfind("/") + 1]
    exact = objects.head(bucket, prefix) if prefix and not prefix.endswith("/") else None
    named: list[tuple[str, ObjectInfo]] = []
    if exact is not None:
        named.append((prefix.rpartition("/")[2], exact))
    root = base if prefix.endswith("/") or not prefix else f"{prefix}/"
    after: str | None = "" if exact is None else None
    while after is not None:
        page = objects.list(bucket, prefix=prefix, start_after=after, limit=1000)
        for info in page.objects:
            if not info.key.endswith("/"):
                name = info.key[len(root) :] if info.key.startswith(root) else info.key[len(base) :]
                named.append((name, info))
        after = page.next
    files = objects.files([info.extent for _, info in named])
    return tuple(InputFile(name, str(file), info.size) for (name, info), file in zip(named, files, strict=True))


def _split_or_refuse(uri: str) -> tuple[str, str]:
    try:
        return split(uri)
    except ValueError as error:
        raise ValidationException(str(error)) from None
