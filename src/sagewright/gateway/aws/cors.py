"""Cross-origin requests to buckets: preflights are answered by the bucket's rules, answers carry what these allow.

A preflight is unsigned and no operation of S3's model, so it is answered here.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html, RESTOPTIONSobject; https://fetch.spec.whatwg.org
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagewright.core.errors import AwsError
from sagewright.store.objects import CORS, ObjectStore
from sagewright.store.objects.errors import NoSuchBucket
from sagewright.wire.http import Request, Response
from sagewright.wire.paths import s3_labels

Rule = dict[str, Any]
_VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"


def is_preflight(request: Request) -> bool:
    """Whether a browser asks what it may do with a bucket."""
    return request.method == "OPTIONS" and "Bucket" in s3_labels(request)


def preflight(request: Request, objects: ObjectStore) -> Response:
    """Raises ``AwsError``: BadRequest, NoSuchBucket and AccessForbidden."""
    origin, method = request.headers.get("origin"), request.headers.get("access-control-request-method")
    if not origin:
        raise AwsError("Insufficient information. Origin request header needed.", code="BadRequest")
    if not method:
        raise AwsError("Invalid Access-Control-Request-Method: null", code="BadRequest")
    name = s3_labels(request)["Bucket"]
    bucket = objects.bucket(name)
    if bucket is None:
        raise NoSuchBucket(BucketName=name)
    rules = bucket.settings.get(CORS)
    if not rules:
        raise _forbidden("CORS is not enabled for this bucket.", method)
    asked = request.headers.get("access-control-request-headers", "")
    wanted = [name.strip().lower() for name in asked.split(",") if name.strip()]
    rule = _fitting(rules, origin, method, wanted)
    if rule is None:
        raise _forbidden(
            "This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
            "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's "
            "CORS spec.",
            method,
        )
    headers = _headers(rule, origin)
    if wanted:
        headers["access-control-allow-headers"] = ", ".join(wanted)
    return Response(200, headers)


def add_headers(request: Request, response: Response, objects: ObjectStore) -> None:
    """Let the page at the request's ``Origin`` read the answer, if the bucket's rules do."""
    labels = s3_labels(request)
    if "x-amz-request-id" not in response.headers or "Bucket" not in labels:  # not an answer of S3
        return
    bucket, origin = objects.bucket(labels["Bucket"]), request.headers["origin"]
    method = request.method
    if method != "OPTIONS":  # a refused preflight stays refused
        method = request.headers.get("access-control-request-method", method)
    rule = _fitting(bucket.settings.get(CORS, ()), origin, method, ()) if bucket is not None else None
    if rule is not None:
        response.headers.update(_headers(rule, origin))


def _fitting(rules: Sequence[Rule], origin: str, method: str, headers: Sequence[str]) -> Rule | None:
    """The first rule that allows it."""
    for rule in rules:
        allowed = [pattern.lower() for pattern in rule.get("AllowedHeaders", ())]
        if (
            method in rule["AllowedMethods"]
            and any(_matches(pattern, origin) for pattern in rule["AllowedOrigins"])
            and all(any(_matches(pattern, name) for pattern in allowed) for name in headers)
        ):
            return rule
    return None


def _matches(pattern: str, text: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)


def _headers(rule: Rule, origin: str) -> dict[str, str]:
    anybody = "*" in rule["AllowedOrigins"]
    headers = {
        "access-control-allow-origin": "*" if anybody else origin,
        "access-control-allow-methods": ", ".join(rule["AllowedMethods"]),
        "vary": _VARY,
    }
    if not anybody:
        headers["access-control-allow-credentials"] = "true"
    if rule.get("ExposeHeaders"):
        headers["access-control-expose-headers"] = ", ".join(rule["ExposeHeaders"])
    if "MaxAgeSeconds" in rule:
        headers["access-control-max-age"] = str(rule["MaxAgeSeconds"])
    return headers


def _forbidden(why: str, method: str) -> AwsError:
    return AwsError(f"CORSResponse: {why}", code="AccessForbidden", status=403, Method=method, ResourceType="OBJECT")
