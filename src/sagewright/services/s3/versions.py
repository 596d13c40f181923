"""Versions. No bucket is versioned: each object is the one version of its key, and its id is ``null``.

So code that empties a bucket by its versions works. Turning versioning on is refused.
"""

from __future__ import annotations

from typing import Any

from sagewright.nouns.operations import Call, operation
from sagewright.services.s3._errors import InvalidArgument
from sagewright.services.s3._request import NULL_VERSION, bucket_of, owner
from sagewright.services.s3.listing import common_prefixes, encoder, entry, limited, page


@operation("s3", "GetBucketVersioning")
def get_bucket_versioning(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """No status at all: the bucket was never versioned."""
    bucket_of(call, request)
    return {}


@operation("s3", "ListObjectVersions")
def list_object_versions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The objects, as versions. A page continues behind a key, whose only version the version marker can name."""
    bucket, encode = bucket_of(call, request), encoder(request)
    key_marker, version_marker = request.get("KeyMarker", ""), request.get("VersionIdMarker", "")
    if version_marker and not key_marker:
        raise InvalidArgument(
            "A version-id marker cannot be specified without a key marker.",
            ArgumentName="version-id-marker",
            ArgumentValue=version_marker,
        )
    keys = page(call, request, key_marker)
    version = {"VersionId": NULL_VERSION, "IsLatest": True, "StorageClass": "STANDARD", "Owner": owner(bucket.account)}
    at_object = bool(keys.objects) and keys.objects[-1].key == keys.next
    return {
        "Name": bucket.name,
        "Prefix": encode(request.get("Prefix", "")),
        "Delimiter": encode(request["Delimiter"]) if request.get("Delimiter") else None,
        "KeyMarker": encode(key_marker),
        "VersionIdMarker": version_marker,
        "NextKeyMarker": encode(keys.next) if keys.next is not None else None,
        "NextVersionIdMarker": NULL_VERSION if keys.next is not None and at_object else None,
        "MaxKeys": limited(request, "MaxKeys"),
        "EncodingType": request.get("EncodingType"),
        "IsTruncated": keys.next is not None,
        "Versions": [entry(info, encode) | version for info in keys.objects] or None,
        "CommonPrefixes": common_prefixes(keys.common_prefixes, encode),
    }
