"""Settings of buckets that have no effect here: reading them answers as AWS does for a bucket without the setting.

Setting them is refused (NotImplemented): a rule that is stored but has no effect would mislead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.nouns.operations import Call, Handler, Operation, add, operation
from sagewright.services.s3._encryption import DEFAULT
from sagewright.services.s3._request import bucket_of, object_of, owner
from sagewright.store.objects.errors import ObjectStoreError

_ABSENT: Mapping[str, tuple[str, str]] = {
    "GetBucketLifecycleConfiguration": (
        "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist",
    ),
    "GetBucketReplication": (
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    ),
    "GetBucketWebsite": (
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    ),
    "GetObjectLockConfiguration": (
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    ),
}
_ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "DeleteBucketEncryption": {},
    "DeleteBucketLifecycle": {},
    "DeleteBucketReplication": {},
    "DeleteBucketWebsite": {},
    "GetBucketAccelerateConfiguration": {},
    "GetBucketEncryption": {
        "ServerSideEncryptionConfiguration": {
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": DEFAULT}, "BucketKeyEnabled": False}]
        }
    },
    "GetBucketLogging": {},
    "GetBucketNotificationConfiguration": {},
    "GetBucketOwnershipControls": {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
    "GetBucketRequestPayment": {"Payer": "BucketOwner"},
}


def _absent(code: str, message: str) -> Handler:
    def refuse(call: Call, request: dict[str, Any]) -> None:
        raise ObjectStoreError(message, code=code, status=404, BucketName=bucket_of(call, request).name)

    return refuse


def _answer(result: Mapping[str, Any]) -> Handler:
    def answer(call: Call, request: dict[str, Any]) -> Mapping[str, Any]:
        bucket_of(call, request)
        return result

    return answer


for _name, _words in _ABSENT.items():
    add(Operation("s3", _name, _absent(*_words)))
for _name, _result in _ANSWERS.items():
    add(Operation("s3", _name, _answer(_result)))


@operation("s3", "GetBucketAcl")
def get_bucket_acl(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The only ACL that buckets have: the owner may do everything."""
    return _acl(bucket_of(call, request).account)


@operation("s3", "GetObjectAcl")
def get_object_acl(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The ACL of the object's bucket."""
    object_of(call, request)
    return _acl(bucket_of(call, request).account)


def _acl(account: str) -> dict[str, Any]:
    return {
        "Owner": owner(account),
        "Grants": [{"Grantee": {"Type": "CanonicalUser", **owner(account)}, "Permission": "FULL_CONTROL"}],
    }
