"""The policy document of a browser's upload: who signed it, and whether the form keeps to it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sagewright.core.errors import AwsError
from sagewright.gateway.aws import sigv4
from sagewright.gateway.aws.refusals import Refusal, refuse

Json = Any
_FREE = frozenset(("awsaccesskeyid", "file", "policy", "signature", "x-amz-signature"))
"""Fields that no condition has to name."""
_RANGE = "content-length-range"
_ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)


def signer(fields: Mapping[str, str], keys: sigv4.Keys, now: float) -> tuple[sigv4.Key, str]:
    """The key that signed the form's policy (version 4, or 2 as boto3 still does in us-east-1), and its region.

    Raises ``AwsError`` in S3's words.
    """
    policy = fields.get("policy", "")
    second = "awsaccesskeyid" in fields and "x-amz-credential" not in fields
    needed = ("policy", "signature") if second else ("policy", "x-amz-credential", "x-amz-date", "x-amz-signature")
    for name in needed:
        if name not in fields:
            if name == "policy":
                raise refuse(Refusal.UNSIGNED, "rest-xml")
            raise AwsError(
                f"Bucket POST must contain a field named '{name}'.", code="InvalidArgument", ArgumentName=name
            )
    if second:
        claim = sigv4.Claim(fields["awsaccesskeyid"], "", "s3", fields["signature"], version=2)
    else:
        claim = _claim(fields)
    key = keys.find(claim.access_key_id)
    if key is None:
        raise refuse(Refusal.UNKNOWN_KEY, "rest-xml")
    if second:
        expected = base64.b64encode(hmac.digest(key.secret.encode(), policy.encode(), "sha1"))
    else:
        signing = sigv4.signing_key(key.secret, claim.date, claim.region, claim.signing_name)
        expected = hmac.digest(signing, policy.encode(), "sha256").hex().encode()
    if not hmac.compare_digest(expected, claim.signature.encode()):
        raise refuse(Refusal.MISMATCH, "rest-xml")
    sigv4.check_token(key, fields.get("x-amz-security-token"), now, "rest-xml")
    return key, claim.region


def _claim(fields: Mapping[str, str]) -> sigv4.Claim:
    try:
        claim = sigv4.claimed(fields["x-amz-credential"], "", fields["x-amz-signature"], presigned=True)
    except sigv4.Malformed as error:
        raise refuse(Refusal.MALFORMED, "rest-xml", str(error)) from None
    if fields.get("x-amz-algorithm") != sigv4.ALGORITHM or fields["x-amz-date"][:8] != claim.date:
        raise refuse(Refusal.MALFORMED, "rest-xml", "x-amz-algorithm or x-amz-date do not fit the credential's scope")
    if claim.signing_name != "s3":
        raise refuse(Refusal.MALFORMED, "rest-xml", "The credential's scope must be of the service s3")
    return claim


def check(policy: str, fields: Mapping[str, str], now: float) -> tuple[int, int] | None:
    """Hold ``fields``, the bucket among them, to the policy. Gives the least and most bytes that the file may have.

    Raises ``AwsError`` AccessDenied for what breaks the policy and InvalidPolicyDocument for one that cannot be read.
    """
    document = _document(policy)
    if now >= _expiration(document):
        raise _forbidden("Policy expired.")
    sizes: tuple[int, int] | None = None
    named: set[str] = set()
    for condition in _conditions(document):
        operator, name, value = _parts(condition)
        if operator == _RANGE:
            sizes = _sizes(name, value)
            continue
        field = name.removeprefix("$").lower()
        named.add(field)
        given = fields.get(field, "")
        holds = given.startswith(value) if operator == "starts-with" else given == value
        if operator == "starts-with" and field == "content-type":
            holds = all(one.strip().startswith(value) for one in given.split(","))
        if not holds:
            raise _forbidden(f"Policy Condition failed: {json.dumps([operator, '$' + field, value])}")
    extra = [name for name in fields if name not in named | _FREE and not name.startswith("x-ignore-")]
    if set(extra) - {"bucket"}:
        raise _forbidden(f"Extra input fields: {', '.join(sorted(set(extra) - {'bucket'}))}")
    return sizes


def _document(policy: str) -> dict[str, Json]:
    try:
        document = json.loads(base64.b64decode(policy, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _unreadable("Invalid JSON.") from None
    if not isinstance(document, dict):
        raise _unreadable("Invalid JSON.")
    return document


def _expiration(document: Mapping[str, Json]) -> float:
    text = document.get("expiration")
    if not isinstance(text, str):
        raise _unreadable("Policy missing expiration.")
    try:
        when = datetime.fromisoformat(text) if _ISO_8601.fullmatch(text) else None
    except ValueError:
        when = None
    if when is None:
        raise _unreadable(f"Invalid 'expiration' value: '{text}'")
    return when.timestamp()


def _conditions(document: Mapping[str, Json]) -> list[Json]:
    conditions = document.get("conditions")
    if not isinstance(conditions, list):
        raise _unreadable("Policy missing conditions.")
    return conditions


def _parts(condition: Json) -> tuple[str, Any, Any]:
    """Operator, field and value; ``{"acl": "private"}`` is a short form of ``["eq", "$acl", "private"]``."""
    if isinstance(condition, dict) and len(condition) == 1:
        name, value = next(iter(condition.items()))
        condition = ["eq", f"${name}", value]
    if not isinstance(condition, list) or len(condition) != 3:
        raise _unreadable("Invalid Condition.")
    operator = str(condition[0]).lower()
    if operator == _RANGE:
        return operator, condition[1], condition[2]
    if operator not in ("eq", "starts-with") or not all(isinstance(part, str) for part in condition[1:]):
        raise _unreadable("Invalid Condition.")
    return operator, condition[1], condition[2]


def _sizes(least: Json, most: Json) -> tuple[int, int]:
    try:
        return int(least), int(most)
    except (TypeError, ValueError, OverflowError):
        raise _unreadable("Invalid content-length-range.") from None


def _forbidden(why: str) -> AwsError:
    return AwsError(f"Invalid according to Policy: {why}", code="AccessDenied", status=403)


def _unreadable(why: str) -> AwsError:
    return AwsError(f"Invalid Policy: {why}", code="InvalidPolicyDocument")
