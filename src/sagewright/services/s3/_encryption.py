"""Server-side encryption as requests ask for it and answers show it. Nothing is encrypted by it: see docs/s3.md.

S3 encrypts every object with keys of its own unless it is asked for others, and says so in each answer.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.services.s3._errors import InvalidArgument

DEFAULT = "AES256"
_ALGORITHMS = (DEFAULT, "aws:kms", "aws:kms:dsse")
_MEMBERS = ("ServerSideEncryption", "SSEKMSKeyId", "SSEKMSEncryptionContext", "BucketKeyEnabled")


def kept_encryption(request: Mapping[str, Any]) -> dict[str, str]:
    """The headers on encryption to store with an object; none for the default. Raises InvalidArgument."""
    algorithm = request.get("ServerSideEncryption", DEFAULT)
    if algorithm not in _ALGORITHMS:
        raise InvalidArgument(
            "The encryption method specified is not supported",
            ArgumentName="x-amz-server-side-encryption",
            ArgumentValue=algorithm,
        )
    if algorithm == DEFAULT:
        if "SSEKMSKeyId" in request:
            raise InvalidArgument(
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : "
                "aws:kms",
                ArgumentName="x-amz-server-side-encryption",
                ArgumentValue=algorithm,
            )
        return {}
    return {"ServerSideEncryption": algorithm} | {
        name: str(request[name]).lower() if name == "BucketKeyEnabled" else request[name]
        for name in _MEMBERS[1:]
        if request.get(name)
    }


def without_encryption(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers of an object without what ``kept_encryption`` added: a copy does not inherit it."""
    return {name: value for name, value in headers.items() if name not in _MEMBERS}


def shown_encryption(headers: Mapping[str, str]) -> dict[str, Any]:
    """The members on encryption in every answer about an object with these headers."""
    members: dict[str, Any] = {"ServerSideEncryption": headers.get("ServerSideEncryption", DEFAULT)}
    if "SSEKMSKeyId" in headers:
        members["SSEKMSKeyId"] = headers["SSEKMSKeyId"]
    if headers.get("BucketKeyEnabled") == "true":
        members["BucketKeyEnabled"] = True
    return members
