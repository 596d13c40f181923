"""What a bucket never has: answered as AWS does for a bucket without it, and refused when somebody sets it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.kit.s3 import refusal


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ],
)
def test_absent(s3: Any, bucket: str, operation: str, code: str) -> None:
    assert refusal(getattr(s3, operation), Bucket=bucket) == (404, code)
    assert refusal(getattr(s3, operation), Bucket="no-such-bucket-anywhere") == (404, "NoSuchBucket")


def test_answers(s3: Any, bucket: str) -> None:
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption == [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    assert set(s3.get_bucket_notification_configuration(Bucket=bucket)) == {"ResponseMetadata"}
    s3.delete_bucket_lifecycle(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    for acl in (s3.get_bucket_acl(Bucket=bucket), s3.get_object_acl(Bucket=bucket, Key="k")):
        assert [grant["Permission"] for grant in acl["Grants"]] == ["FULL_CONTROL"]
        assert acl["Grants"][0]["Grantee"]["ID"] == acl["Owner"]["ID"]


def test_what_would_not_be_done_is_not_stored(s3: Any, bucket: str) -> None:
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    call = {"Bucket": bucket, "LifecycleConfiguration": {"Rules": [rule]}}
    assert refusal(s3.put_bucket_lifecycle_configuration, **call) == (501, "NotImplemented")
    versioning = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Enabled"}}
    assert refusal(s3.put_bucket_versioning, **versioning) == (501, "NotImplemented")
