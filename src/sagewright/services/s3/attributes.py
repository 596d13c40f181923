"""GetObjectAttributes: what HeadObject and ListParts say, in one answer."""

from __future__ import annotations

from typing import Any

from sagewright.access.permissions import s3_arn
from sagewright.nouns.operations import Call, operation
from sagewright.services.s3._errors import InvalidArgument
from sagewright.services.s3._request import checksum_members, object_of, part_marker, seconds
from sagewright.services.s3.listing import limited
from sagewright.store.objects import StoredObject

_KNOWN = ("Checksum", "ETag", "ObjectParts", "ObjectSize", "StorageClass")


@operation("s3", "GetObjectAttributes")
def get_object_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Only what ``ObjectAttributes`` asks for."""
    asked = request.get("ObjectAttributes", [])
    if not asked or any(name not in _KNOWN for name in asked):
        raise InvalidArgument(
            "Invalid attribute name specified.",
            ArgumentName="x-amz-object-attributes",
            ArgumentValue=",".join(asked),
        )
    version = "Version" if "VersionId" in request else ""  # of two actions that AWS asks for this is the second
    call.platform.access.demand(call, f"s3:GetObject{version}", s3_arn(request["Bucket"], request["Key"]), request)
    found = object_of(call, request)
    known = {
        "Checksum": checksum_members(found.checksum),
        "ETag": found.etag,
        "ObjectParts": _parts(found, request) if found.parts else None,
        "ObjectSize": found.size,
        "StorageClass": "STANDARD",
    }
    return {"LastModified": seconds(found.modified), **{name: known[name] for name in asked}}


def _parts(found: StoredObject, request: dict[str, Any]) -> dict[str, Any]:
    limit, marker = limited(request, "MaxParts"), part_marker(request)
    left = [part for part in found.parts if part.number > marker]
    shown, checksum = left[:limit], f"Checksum{found.checksum.algorithm}"
    return {
        "TotalPartsCount": len(found.parts),
        "PartNumberMarker": str(marker),
        "NextPartNumberMarker": str(shown[-1].number) if shown else None,
        "MaxParts": limit,
        "IsTruncated": len(left) > len(shown),
        "Parts": [{"PartNumber": part.number, "Size": part.size, checksum: part.checksum or None} for part in shown],
    }
