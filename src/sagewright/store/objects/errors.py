"""What the object store refuses, in S3's own words. An error's docstring is its message.

    ObjectStoreError
    ├── NoSuchBucket        404
    ├── BucketExists        409   the services decide which of S3's two codes the caller sees
    ├── BucketNotEmpty      409
    ├── NoSuchKey           404
    ├── NoSuchUpload        404
    ├── InvalidPart         400
    ├── InvalidPartOrder    400
    └── EntityTooSmall      400

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewright.core.errors import AwsError

if TYPE_CHECKING:
    from sagewright.store.objects.model import Bucket


class ObjectStoreError(AwsError):
    """The object store refused the request."""

    def __init__(self, message: str | None = None, **members: Any) -> None:
        super().__init__(message or type(self).__doc__ or "", **members)


class NoSuchBucket(ObjectStoreError):
    """The specified bucket does not exist"""

    code = "NoSuchBucket"
    status = 404


class BucketExists(ObjectStoreError):
    """The requested bucket name is not available. The bucket namespace is shared by all users of the system. \
Please select a different name and try again."""

    code = "BucketAlreadyExists"
    status = 409

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(BucketName=bucket.name)
        self.bucket = bucket


class BucketNotEmpty(ObjectStoreError):
    """The bucket you tried to delete is not empty"""

    code = "BucketNotEmpty"
    status = 409


class NoSuchKey(ObjectStoreError):
    """The specified key does not exist."""

    code = "NoSuchKey"
    status = 404


class NoSuchUpload(ObjectStoreError):
    """The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
completed."""

    code = "NoSuchUpload"
    status = 404


class InvalidPart(ObjectStoreError):
    """One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified \
entity tag may not match the part's entity tag."""

    code = "InvalidPart"


class InvalidPartOrder(ObjectStoreError):
    """The list of parts was not in ascending order. Parts must be ordered by part number."""

    code = "InvalidPartOrder"


class EntityTooSmall(ObjectStoreError):
    """Your proposed upload is smaller than the minimum allowed size"""

    code = "EntityTooSmall"
