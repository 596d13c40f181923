"""A browser's upload: ``POST`` of a form to a bucket, which is a PutObject in another wrapping.

The form becomes the request it stands for, so that permissions, checksums, tags and errors are those of PutObject.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, urlencode, urlsplit

from sagewright.access.authorization import ANONYMOUS
from sagewright.core.errors import AwsError
from sagewright.gateway.aws import post_policy
from sagewright.gateway.aws.forms import Form
from sagewright.gateway.aws.steps import Caller, principal_of
from sagewright.nouns.operations import Platform, Principal
from sagewright.wire import xml_body
from sagewright.wire.http import BodyReader, Request, Response, fill
from sagewright.wire.models import service_model
from sagewright.wire.paths import s3_labels
from sagewright.wire.routing import Route

MAX_SIZE = 5 << 30
"""Bytes that a file may have."""
_HEADERS = frozenset(
    (
        *("cache-control", "content-disposition", "content-encoding", "content-type", "expires", "x-amz-storage-class"),
        *("x-amz-sdk-checksum-algorithm", "x-amz-server-side-encryption", "x-amz-website-redirect-location"),
        *("x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-customer-algorithm"),
        *("x-amz-server-side-encryption-customer-key", "x-amz-server-side-encryption-customer-key-md5"),
    )
)
"""Fields that are headers of PutObject under the same name."""
_SIGNED = {"policy", "signature", "awsaccesskeyid", "x-amz-credential", "x-amz-signature", "x-amz-algorithm"}
"""Fields of a form that somebody signed."""
_HEADER_PREFIXES = ("x-amz-checksum-", "x-amz-meta-")


def is_form(request: Request) -> bool:
    """Whether this is such an upload."""
    return (
        request.method == "POST"
        and request.headers.get("content-type", "").lower().startswith("multipart/form-data")
        and "authorization" not in request.headers
        and "x-amz-target" not in request.headers
        and not request.raw_query
        and list(s3_labels(request)) == ["Bucket"]
    )


class PostObject:
    """One upload. ``put`` is the request it stands for, whose body has not been read yet; ``route`` its operation."""

    def __init__(self, request: Request) -> None:
        self._scheme = "https" if request.secure else "http"
        self._host = request.headers.get("host", "")
        self._bucket = s3_labels(request)["Bucket"]
        form = Form(request.body, request.headers["content-type"])
        self._fields = {**form.fields, "bucket": form.fields.get("bucket", self._bucket)}
        if not self._fields.get("key"):
            raise AwsError(
                "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the "
                "fields.",
                code="InvalidArgument",
                ArgumentName="key",
            )
        name = form.filename.replace("\\", "/").rpartition("/")[2]
        self._key = self._fields["key"] = self._fields["key"].replace("${filename}", name)
        self._file = form
        path = f"{request.raw_path.rstrip('/')}/{quote(self._key, safe='/~')}"
        self.put = replace(
            request, method="PUT", raw_path=path, path=path, query=[], headers=self._headers(request), body=form
        )
        self.route = Route("s3", service_model("s3").operation_model("PutObject"))

    def authenticate(self, platform: Platform) -> Caller:
        """Who signed the form's policy, once the form is found to keep to it; nobody, when no field is of a signature.

        Raises ``AwsError`` in S3's words.
        """
        now = platform.clock.now()
        if not _SIGNED & self._fields.keys():  # nobody's: what the bucket's policy gives to everybody
            self.put.body = _Sized(self._file, 0, MAX_SIZE)
            return Caller(Principal(ANONYMOUS, "", ""), platform.settings.default_region)
        key, region = post_policy.signer(self._fields, platform.credentials, now)
        if self._fields["bucket"] != self._bucket:
            raise AwsError("Invalid according to Policy: the bucket differs", code="AccessDenied", status=403)
        sizes = post_policy.check(self._fields["policy"], self._fields, now)
        self.put.body = _Sized(self._file, *(sizes or (0, MAX_SIZE)))
        return Caller(principal_of(key), region or platform.settings.default_region)

    def answer(self, response: Response) -> Response:
        """The answer that the form asks for, in place of PutObject's: a redirect, 200, 201 with a body, or 204."""
        etag = response.headers.get("etag", "")
        target = self._fields.get("success_action_redirect") or self._fields.get("redirect") or ""
        location = f"{self._scheme}://{self._host}{self.put.raw_path}"
        headers = {**response.headers, "location": location}
        if _is_url(target):
            said = urlencode({"bucket": self._bucket, "key": self._key, "etag": etag})
            return Response(303, {**headers, "location": f"{target}{'&' if '?' in target else '?'}{said}"})
        status = self._fields.get("success_action_status")
        if status != "201":
            return Response(200 if status == "200" else 204, headers)
        writer = xml_body.XmlWriter()
        writer.open("PostResponse")
        for name, value in (("Location", location), ("Bucket", self._bucket), ("Key", self._key), ("ETag", etag)):
            writer.text(name, value)
        writer.close("PostResponse")
        return Response(201, {**headers, "content-type": "application/xml"}, writer.document())

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {name: value for name, value in request.headers.items() if name in ("host", "origin", "user-agent")}
        for name, value in self._fields.items():
            if name in _HEADERS or name.startswith(_HEADER_PREFIXES):
                headers[name] = value
        if "acl" in self._fields:
            headers["x-amz-acl"] = self._fields["acl"]
        if "tagging" in self._fields:
            headers["x-amz-tagging"] = _tagging(self._fields["tagging"])
        return headers


class _Sized:
    """A body that has to have between ``least`` and ``most`` bytes."""

    def __init__(self, body: BodyReader, least: int, most: int) -> None:
        self._body, self._least, self._most, self._seen = body, least, min(most, MAX_SIZE), 0

    def read(self, size: int = -1) -> bytes:
        """As ``BodyReader.read``. Raises ``AwsError`` EntityTooLarge and EntityTooSmall."""
        data = self._body.read(size)
        self._seen += len(data)
        if self._seen > self._most:
            raise AwsError(
                "Your proposed upload exceeds the maximum allowed size",
                code="EntityTooLarge",
                ProposedSize=self._seen,
                MaxSizeAllowed=self._most,
            )
        if (not data or size < 0) and self._seen < self._least:
            raise AwsError(
                "Your proposed upload is smaller than the minimum allowed size",
                code="EntityTooSmall",
                ProposedSize=self._seen,
                MinSizeAllowed=self._least,
            )
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """As ``BodyReader.readinto``, and as ``read``."""
        return fill(self, buffer)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _tagging(document: str) -> str:
    """The tags of a ``<Tagging>`` document as the ``x-amz-tagging`` header writes them."""
    model = service_model("s3").shape_for("Tagging")
    read = xml_body.read(model, xml_body.load(document.encode()))
    return urlencode([(tag.get("Key", ""), tag.get("Value", "")) for tag in read.get("TagSet", [])])
