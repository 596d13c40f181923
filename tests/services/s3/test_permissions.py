"""Permissions that writes need beyond PutObject, and those of who signed a form."""

from __future__ import annotations

from typing import Any

import urllib3
from botocore.config import Config
from tests.kit.principals import Client, Person, allow, refused
from urllib3.filepost import encode_multipart_formdata


def test_tags_are_a_permission_of_their_own(client: Client, bucket: str) -> None:
    ann = Person(client).may(allow("s3:PutObject", "s3:GetObject"))
    s3, here = ann.client("s3"), {"Bucket": bucket, "Key": "k"}
    s3.put_object(**here, Body=b"x")
    assert refused(s3.put_object, **here, Body=b"x", Tagging="a=1")[0] == "AccessDenied"
    assert refused(s3.create_multipart_upload, **here, Tagging="a=1")[0] == "AccessDenied"
    client("s3").put_object(Bucket=bucket, Key="tagged", Body=b"x", Tagging="a=1")
    assert refused(s3.copy_object, **here, CopySource=f"{bucket}/tagged")[0] == "AccessDenied"
    s3.copy_object(**here, CopySource=f"{bucket}/tagged", TaggingDirective="REPLACE")
    ann.may(allow("s3:PutObject", "s3:GetObject", "s3:PutObjectTagging", "s3:GetObjectTagging"))
    s3.copy_object(**here, CopySource=f"{bucket}/tagged")
    assert s3.get_object_tagging(**here)["TagSet"] == [{"Key": "a", "Value": "1"}]


def test_a_form_may_what_its_signer_may(client: Client, bucket: str) -> None:
    ann = Person(client).may(allow("s3:PutObject", on=f"arn:aws:s3:::{bucket}/open/*"))
    s3: Any = ann.client("s3", config=Config(signature_version="s3v4"))
    statuses = []
    for key in ("open/k", "closed/k"):
        form = s3.generate_presigned_post(bucket, key)
        body, content_type = encode_multipart_formdata([*form["fields"].items(), ("file", ("f", b"x", "a/b"))])
        answer = urllib3.request("POST", form["url"], body=body, headers={"content-type": content_type})
        statuses.append(answer.status)
    assert statuses == [204, 403]
