"""The error tree. Every error that may reach a client is an ``AwsError``; anything else is a bug and answers 500.

    AwsError                        400
    ├── ValidationException         400   control planes: a member is wrong, or the named resource is not there
    ├── ValidationError             400   data planes spell it so
    ├── ResourceNotFound            400   kinds that model it
    ├── ResourceInUse               400
    ├── ConflictException           400   kinds that model it: taken, not empty, or changed by another call
    ├── ResourceLimitExceeded       400
    ├── AccessDeniedException       400   json protocols; S3 and the query protocol say AccessDenied, 403
    ├── UnknownOperationException   400
    ├── SerializationException      400   the body or a parameter cannot be read as its type
    ├── NotImplementedYet           501   a known operation that does not work yet
    ├── InternalFailure             500   a bug of ours
    └── ServiceUnavailable          503   the disk is full, the database is away: SDKs try again

``code`` is what clients match on and what goes out as ``__type`` or ``<Code>``. A class attribute holds the usual
code and status; services with their own words (S3, IAM) pass ``code=`` and ``status=``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class AwsError(Exception):
    """An answer in AWS's own form. ``members`` are further members of a modelled error shape."""

    code = "InternalFailure"
    status = 400
    headers: Mapping[str, str] = MappingProxyType({})
    """Headers of the answer, such as those that say what was not modified."""

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None, **members: Any) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status
        self.members = members


class ValidationException(AwsError):
    """The request breaks a documented constraint, or names something that does not exist."""

    code = "ValidationException"


class ValidationError(AwsError):
    """``ValidationException`` as the data planes spell it."""

    code = "ValidationError"


class ResourceNotFound(AwsError):
    """The kind models ResourceNotFound and the named resource is not there."""

    code = "ResourceNotFound"


class ResourceInUse(AwsError):
    """The name is taken, or the resource is in a state that forbids the call."""

    code = "ResourceInUse"


class ConflictException(AwsError):
    """The kind models ConflictException: it is taken, is not empty, or was changed by another call."""

    code = "ConflictException"


class ResourceLimitExceeded(AwsError):
    """A quota of the account is reached."""

    code = "ResourceLimitExceeded"


class AccessDeniedException(AwsError):
    """The caller may not do this."""

    code = "AccessDeniedException"


class UnknownOperationException(AwsError):
    """The model knows no such operation."""

    code = "UnknownOperationException"


class SerializationException(AwsError):
    """The request cannot be read: not JSON, a string where an integer belongs, and the like.

    S3 spells it ``MalformedXML`` or ``InvalidArgument``, the query protocol ``MalformedQueryString``.
    """

    code = "SerializationException"


class NotImplementedYet(AwsError):
    """The model knows the operation; this version of Sagewright does not carry it out."""

    code = "NotImplemented"
    status = 501


class InternalFailure(AwsError):
    """Our fault. The message names the request id, never the cause, which is in the server's log."""

    code = "InternalFailure"
    status = 500


class ServiceUnavailable(AwsError):
    """The server cannot do its work for now; nothing was changed, and the same call may succeed later."""

    code = "ServiceUnavailable"
    status = 503
