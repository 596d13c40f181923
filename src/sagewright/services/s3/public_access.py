"""Public access blocks, which limit bucket policies that let everybody in.

Two of the four settings have an effect: BlockPublicPolicy refuses such a policy, RestrictPublicBuckets keeps other
accounts out while the bucket has one. The two about ACLs always hold, since there are no ACLs. A bucket has no block
until one is put.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from __future__ import annotations

from typing import Any

from sagewright.nouns.operations import Call, operation
from sagewright.services.s3._body import check_document
from sagewright.services.s3._errors import NoSuchPublicAccessBlockConfiguration
from sagewright.services.s3._request import bucket_of
from sagewright.services.s3.policy import PUBLIC_ACCESS, restrict

_SETTINGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@operation("s3", "PutPublicAccessBlock")
def put_public_access_block(call: Call, request: dict[str, Any]) -> None:
    """Replace all four settings; those that are not given are off."""
    check_document(call)
    bucket, settings = bucket_of(call, request), request["PublicAccessBlockConfiguration"]
    call.platform.objects.configure(bucket.name, PUBLIC_ACCESS, {name: settings.get(name, False) for name in _SETTINGS})
    restrict(call, bucket.name)


@operation("s3", "GetPublicAccessBlock")
def get_public_access_block(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = bucket_of(call, request)
    if PUBLIC_ACCESS not in bucket.settings:
        raise NoSuchPublicAccessBlockConfiguration(BucketName=bucket.name)
    return {"PublicAccessBlockConfiguration": bucket.settings[PUBLIC_ACCESS]}


@operation("s3", "DeletePublicAccessBlock")
def delete_public_access_block(call: Call, request: dict[str, Any]) -> None:
    """Remove the block; one that does not exist is no error."""
    bucket = bucket_of(call, request)
    call.platform.objects.configure(bucket.name, PUBLIC_ACCESS, None)
    restrict(call, bucket.name)
