"""Signature Version 2 in a query string: what boto3 still makes for S3's presigned URLs in us-east-1.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html (query string request authentication)
"""

from __future__ import annotations

import base64
import hmac
from urllib.parse import unquote

from sagewright.wire.http import Request

SUBRESOURCES = frozenset(
    (
        *("accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory", "lifecycle", "location"),
        *("logging", "metrics", "notification", "object-lock", "partNumber", "policy", "replication", "requestPayment"),
        *("restore", "select", "select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId"),
        *("versioning", "versions", "website", "response-cache-control", "response-content-disposition"),
        *("response-content-encoding", "response-content-language", "response-content-type", "response-expires"),
    )
)


def signature_v2(request: Request, secret: str, expires: str) -> str:
    """The signature, in base64, that a presigned URL with this request's method, path and headers has."""
    # botocore signs x-amz-* headers and sends them in the query; either place counts.
    given = {name.lower(): value for name, value in request.query} | request.headers
    amazon = sorted(name for name in given if name.startswith("x-amz-"))
    text = "\n".join(
        [
            request.method,
            given.get("content-md5", ""),
            given.get("content-type", ""),
            expires,
            *(f"{name}:{given[name].strip()}" for name in amazon),
            _resource(request),
        ]
    )
    digest = hmac.digest(secret.encode(), text.encode("utf-8", "surrogateescape"), "sha1")
    return base64.b64encode(digest).decode()


def _resource(request: Request) -> str:
    parts = [pair.split("=", 1) for pair in request.raw_query.split("&")]
    named = sorted((part for part in parts if part[0] in SUBRESOURCES), key=lambda part: part[0])
    if not named:
        return request.raw_path
    return f"{request.raw_path}?{'&'.join(_decoded(part) for part in named)}"


def _decoded(part: list[str]) -> str:
    return part[0] if len(part) == 1 else f"{part[0]}={unquote(part[1], errors='surrogateescape')}"
