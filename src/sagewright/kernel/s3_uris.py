"""S3 URIs in requests: taken apart, checked against the object store, and turned into files to lay out."""

from __future__ import annotations

import tarfile
from pathlib import Path

from sagewright.backends.base import InputFile
from sagewright.core.errors import ValidationException
from sagewright.kernel.operations import Call
from sagewright.store.objects import ObjectStore

MAX_REQUIREMENTS = 1 << 20


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


def require_bucket(call: Call, uri: str) -> None:
    """Raises ValidationException unless the URI's bucket exists."""
    bucket, _ = _split_or_refuse(uri)
    if call.platform.objects.bucket(bucket) is None:
        raise ValidationException(f"The S3 bucket {bucket!r} in {uri!r} does not exist.")


def require_objects(call: Call, uri: str, role: str) -> None:
    """Raises ValidationException, in AWS's words, unless something lies at or below the URI."""
    bucket, key = _split_or_refuse(uri)
    objects = call.platform.objects
    if objects.bucket(bucket) is None or not objects.list(bucket, prefix=key, limit=1).objects:
        raise ValidationException(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
            f"exists in the selected region ({call.region}), that objects exist under that S3 prefix, and that the "
            f'role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
        )


def inputs_below(objects: ObjectStore, uri: str) -> tuple[InputFile, ...]:
    """The objects a container gets for an S3Prefix: names relative to the prefix, folders left out."""
    bucket, prefix = split(uri)
    if objects.bucket(bucket) is None:
        return ()
    base = prefix[: prefix.rfind("/") + 1]
    exact = objects.head(bucket, prefix) if prefix and not prefix.endswith("/") else None
    found: list[InputFile] = []
    if exact is not None:
        found.append(InputFile(prefix.rpartition("/")[2], str(exact.path), exact.size))
        return tuple(found)
    root = base if prefix.endswith("/") or not prefix else f"{prefix}/"
    after = ""
    while True:
        page = objects.list(bucket, prefix=prefix, start_after=after, limit=1000)
        for info in page.objects:
            if not info.key.endswith("/"):
                name = info.key[len(root) :] if info.key.startswith(root) else info.key[len(base) :]
                found.append(InputFile(name, str(info.path), info.size))
        if not page.next:
            return tuple(found)
        after = page.next


def requirements_in(archive: Path, name: str = "requirements.txt") -> str | None:
    """The text of the member ``name`` of a .tar.gz, or None; a file that is no archive has none."""
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                if member.name.removeprefix("./") == name and member.isfile():
                    file = tar.extractfile(member)
                    return file.read(MAX_REQUIREMENTS).decode(errors="replace") if file else None
    except (tarfile.TarError, EOFError, OSError):
        return None
    return None


def _split_or_refuse(uri: str) -> tuple[str, str]:
    try:
        return split(uri)
    except ValueError as error:
        raise ValidationException(str(error)) from None
