"""GetObjectAttributes: the facts of HeadObject and ListParts in one answer."""

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
    """Only the attributes that ``ObjectAttributes`` names."""
    names = request.get("ObjectAttributes", [])
    if not names or any(name not in _KNOWN for name in names):
        raise InvalidArgument(
            "Invalid attribute name specified.",
            ArgumentName="x-amz-object-attributes",
            ArgumentValue=",".join(names),
        )
    version = "Version" if "VersionId" in request else ""  # of two actions that AWS asks for this is the second
    call.platform.access.demand(call, f"s3:GetObject{version}", s3_arn(request["Bucket"], request["Key"]), request)
    stored = object_of(call, request)
    values = {
        "Checksum": checksum_members(stored.checksum),
        "ETag": stored.etag,
        "ObjectParts": _parts(stored, request) if stored.parts else None,
        "ObjectSize": stored.size,
        "StorageClass": "STANDARD",
    }
    return {"LastModified": seconds(stored.modified), **{name: values[name] for name in names}}


def _parts(stored: StoredObject, request: dict[str, Any]) -> dict[str, Any]:
    limit, marker = limited(request, "MaxParts"), part_marker(request)
    rest = [part for part in stored.parts if part.number > marker]
    parts, checksum = rest[:limit], f"Checksum{stored.checksum.algorithm}"
    return {
        "TotalPartsCount": len(stored.parts),
        "PartNumberMarker": str(marker),
        "NextPartNumberMarker": str(parts[-1].number) if parts else None,
        "MaxParts": limit,
        "IsTruncated": len(rest) > len(parts),
        "Parts": [{"PartNumber": part.number, "Size": part.size, checksum: part.checksum or None} for part in parts],
    }
