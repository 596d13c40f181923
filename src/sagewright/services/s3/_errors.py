"""S3's errors that are about a request rather than the store. An error's docstring is its message.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from collections.abc import Mapping

from sagewright.store.objects.errors import ObjectStoreError


class AccessDenied(ObjectStoreError):
    """Access Denied"""

    code = "AccessDenied"
    status = 403


class AccessControlListNotSupported(ObjectStoreError):
    """The bucket does not allow ACLs"""

    code = "AccessControlListNotSupported"


class BadDigest(ObjectStoreError):
    """The Content-MD5 you specified did not match what we received."""

    code = "BadDigest"


class BadRequest(ObjectStoreError):
    """Bad Request"""

    code = "BadRequest"


class BucketAlreadyOwnedByYou(ObjectStoreError):
    """Your previous request to create the named bucket succeeded and you already own it."""

    code = "BucketAlreadyOwnedByYou"
    status = 409


class EntityTooLarge(ObjectStoreError):
    """Your proposed upload exceeds the maximum allowed size"""

    code = "EntityTooLarge"


class IllegalLocationConstraint(ObjectStoreError):
    """The unspecified location constraint is incompatible for the region specific endpoint this request was sent to."""

    code = "IllegalLocationConstraintException"


class InvalidArgument(ObjectStoreError):
    """Invalid Argument"""

    code = "InvalidArgument"


class InvalidBucketName(ObjectStoreError):
    """The specified bucket is not valid."""

    code = "InvalidBucketName"


class InvalidDigest(ObjectStoreError):
    """The Content-MD5 you specified was invalid."""

    code = "InvalidDigest"


class InvalidLocationConstraint(ObjectStoreError):
    """The specified location-constraint is not valid"""

    code = "InvalidLocationConstraint"


class InvalidPartNumber(ObjectStoreError):
    """The requested partnumber is not satisfiable"""

    code = "InvalidPartNumber"
    status = 416


class InvalidRange(ObjectStoreError):
    """The requested range is not satisfiable"""

    code = "InvalidRange"
    status = 416


class InvalidRequest(ObjectStoreError):
    """Invalid Request"""

    code = "InvalidRequest"


class InvalidTag(ObjectStoreError):
    """The tag provided was not a valid tag."""

    code = "InvalidTag"


class KeyTooLong(ObjectStoreError):
    """Your key is too long"""

    code = "KeyTooLongError"


class MalformedPolicy(ObjectStoreError):
    """This policy is malformed"""

    code = "MalformedPolicy"


class MalformedXML(ObjectStoreError):
    """The XML you provided was not well-formed or did not validate against our published schema"""

    code = "MalformedXML"


class MetadataTooLarge(ObjectStoreError):
    """Your metadata headers exceed the maximum allowed metadata size"""

    code = "MetadataTooLarge"


class NoSuchBucketPolicy(ObjectStoreError):
    """The bucket policy does not exist"""

    code = "NoSuchBucketPolicy"
    status = 404


class NoSuchCORSConfiguration(ObjectStoreError):
    """The CORS configuration does not exist"""

    code = "NoSuchCORSConfiguration"
    status = 404


class NoSuchPublicAccessBlockConfiguration(ObjectStoreError):
    """The public access block configuration was not found"""

    code = "NoSuchPublicAccessBlockConfiguration"
    status = 404


class NoSuchTagSet(ObjectStoreError):
    """The TagSet does not exist"""

    code = "NoSuchTagSet"
    status = 404


class NotImplementedHeader(ObjectStoreError):
    """A header you provided implies functionality that is not implemented"""

    code = "NotImplemented"
    status = 501


class NotModified(ObjectStoreError):
    """Not Modified"""

    code = "NotModified"
    status = 304

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__()
        self.headers = headers


class PolicyTooLarge(ObjectStoreError):
    """Policy exceeds the maximum allowed document size."""

    code = "PolicyTooLarge"


class PreconditionFailed(ObjectStoreError):
    """At least one of the pre-conditions you specified did not hold"""

    code = "PreconditionFailed"
    status = 412
