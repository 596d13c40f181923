"""Why a request is not let in, in the words of the protocol it speaks.

Sources: "Common errors" of each API reference (SageMaker, IAM, STS), "Error responses" of S3's.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from sagewright.core.errors import AwsError


class Refusal(Enum):
    """What is wrong with a request's signature."""

    UNSIGNED = "unsigned"
    MALFORMED = "malformed"
    MALFORMED_QUERY = "malformed query"
    UNSUPPORTED = "unsupported"
    NO_DATE = "no date"
    UNKNOWN_KEY = "unknown key"
    BAD_TOKEN = "bad token"  # noqa: S105 - the name of a fault
    EXPIRED_TOKEN = "expired token"  # noqa: S105
    MISMATCH = "mismatch"
    SKEWED = "skewed"
    EXPIRED_URL = "expired url"
    UNSIGNED_HEADER = "unsigned header"
    WRONG_HASH = "wrong hash"


_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
_INVALID = "The security token included in the request is invalid."
_EXPIRED = "The security token included in the request is expired"

_Words = Mapping[Refusal, tuple[str, int, str]]

_MALFORMED = "The request signature is malformed."
_JSON: _Words = {
    Refusal.UNSIGNED: ("MissingAuthenticationTokenException", 400, "Missing Authentication Token"),
    Refusal.MALFORMED: ("IncompleteSignatureException", 400, _MALFORMED),
    Refusal.MALFORMED_QUERY: ("IncompleteSignatureException", 400, _MALFORMED),
    Refusal.UNSUPPORTED: ("IncompleteSignatureException", 400, _MALFORMED),
    Refusal.NO_DATE: ("IncompleteSignatureException", 400, _MALFORMED),
    Refusal.UNKNOWN_KEY: ("UnrecognizedClientException", 400, _INVALID),
    Refusal.BAD_TOKEN: ("UnrecognizedClientException", 400, _INVALID),
    Refusal.EXPIRED_TOKEN: ("ExpiredTokenException", 400, _EXPIRED),
    Refusal.MISMATCH: ("InvalidSignatureException", 400, _MISMATCH),
    Refusal.SKEWED: ("InvalidSignatureException", 400, "Signature expired"),
    Refusal.EXPIRED_URL: ("InvalidSignatureException", 400, "Signature expired"),
    Refusal.UNSIGNED_HEADER: ("InvalidSignatureException", 400, "A header that must be signed is not."),
    Refusal.WRONG_HASH: ("InvalidSignatureException", 400, _MISMATCH),
}
_REST_JSON: _Words = {fault: (code, 403, message) for fault, (code, _, message) in _JSON.items()}
_QUERY: _Words = {
    Refusal.UNSIGNED: ("MissingAuthenticationToken", 403, "Request is missing Authentication Token"),
    Refusal.MALFORMED: ("IncompleteSignature", 400, _MALFORMED),
    Refusal.MALFORMED_QUERY: ("IncompleteSignature", 400, _MALFORMED),
    Refusal.UNSUPPORTED: ("IncompleteSignature", 400, _MALFORMED),
    Refusal.NO_DATE: ("IncompleteSignature", 400, _MALFORMED),
    Refusal.UNKNOWN_KEY: ("InvalidClientTokenId", 403, _INVALID),
    Refusal.BAD_TOKEN: ("InvalidClientTokenId", 403, _INVALID),
    Refusal.EXPIRED_TOKEN: ("ExpiredToken", 403, _EXPIRED),
    Refusal.MISMATCH: ("SignatureDoesNotMatch", 403, _MISMATCH),
    Refusal.SKEWED: ("SignatureDoesNotMatch", 403, "Signature expired"),
    Refusal.EXPIRED_URL: ("SignatureDoesNotMatch", 403, "Signature expired"),
    Refusal.UNSIGNED_HEADER: ("SignatureDoesNotMatch", 403, "A header that must be signed is not."),
    Refusal.WRONG_HASH: ("SignatureDoesNotMatch", 403, _MISMATCH),
}
_S3: _Words = {
    Refusal.UNSIGNED: ("AccessDenied", 403, "Access Denied"),
    Refusal.MALFORMED: (
        "AuthorizationHeaderMalformed",
        400,
        "The authorization header that you provided is not valid.",
    ),
    Refusal.MALFORMED_QUERY: (
        "AuthorizationQueryParametersError",
        400,
        "The query parameters that sign the request are not valid.",
    ),
    Refusal.UNSUPPORTED: ("InvalidArgument", 400, "Unsupported Authorization Type"),
    Refusal.NO_DATE: ("AccessDenied", 403, "AWS authentication requires a valid Date or x-amz-date header"),
    Refusal.UNKNOWN_KEY: (
        "InvalidAccessKeyId",
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    Refusal.BAD_TOKEN: ("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
    Refusal.EXPIRED_TOKEN: ("ExpiredToken", 400, "The provided token has expired."),
    Refusal.MISMATCH: (
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method.",
    ),
    Refusal.SKEWED: (
        "RequestTimeTooSkewed",
        403,
        "The difference between the request time and the current time is too large.",
    ),
    Refusal.EXPIRED_URL: ("AccessDenied", 403, "Request has expired"),
    Refusal.UNSIGNED_HEADER: (
        "AccessDenied",
        403,
        "There were headers present in the request which were not signed",
    ),
    Refusal.WRONG_HASH: (
        "XAmzContentSHA256Mismatch",
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    ),
}
_WORDS: Mapping[str, _Words] = {"json": _JSON, "rest-json": _REST_JSON, "query": _QUERY, "rest-xml": _S3}


def refuse(refusal: Refusal, protocol: str, detail: str = "") -> AwsError:
    """The error to raise; ``detail`` takes the place of the usual message."""
    code, status, message = _WORDS.get(protocol, _JSON)[refusal]
    return AwsError(detail or message, code=code, status=status)
