"""S3 URIs: both schemes that SageMaker's requests take, and every form of host that AWS has given S3."""

from __future__ import annotations

import pytest

from sagewright.core.s3_uri import is_s3, split

SAME = [
    "s3://bucket/a/b.csv",
    "https://s3.amazonaws.com/bucket/a/b.csv",
    "https://s3-us-west-2.amazonaws.com/bucket/a/b.csv",
    "https://s3.eu-west-1.amazonaws.com/bucket/a/b.csv",
    "https://s3.dualstack.eu-central-1.amazonaws.com/bucket/a/b.csv",
    "https://s3-fips.us-gov-west-1.amazonaws.com/bucket/a/b.csv",
    "https://s3-fips.dualstack.us-east-1.amazonaws.com/bucket/a/b.csv",
    "https://s3-external-1.amazonaws.com/bucket/a/b.csv",
    "https://s3.cn-north-1.amazonaws.com.cn/bucket/a/b.csv",
    "https://bucket.s3.amazonaws.com/a/b.csv",
    "https://bucket.s3-us-west-2.amazonaws.com/a/b.csv",
    "https://bucket.s3.ap-southeast-2.amazonaws.com/a/b.csv",
    "https://bucket.s3.dualstack.eu-central-1.amazonaws.com/a/b.csv",
    "https://bucket.s3-accelerate.amazonaws.com/a/b.csv",
    "https://bucket.s3.cn-northwest-1.amazonaws.com.cn/a/b.csv",
    "https://S3.AMAZONAWS.COM/bucket/a/b.csv",
    "https://s3.us-east-1.amazonaws.com:443/bucket/a/b.csv",
]


@pytest.mark.parametrize("uri", SAME)
def test_every_form_names_the_same_object(uri: str) -> None:
    assert split(uri) == ("bucket", "a/b.csv")
    assert is_s3(uri)


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/a%20b+c?d", ("bucket", "a%20b+c?d")),
        ("https://s3.amazonaws.com/bucket", ("bucket", "")),
        ("https://my.bucket.s3.us-east-1.amazonaws.com/k/", ("my.bucket", "k/")),
        ("https://s3.something.s3.us-east-1.amazonaws.com/k", ("s3.something", "k")),
        ("https://bucket.s3.amazonaws.com/a%20b+c/%C3%A9", ("bucket", "a b+c/é")),
        ("https://bucket.s3.amazonaws.com", ("bucket", "")),
    ],
)
def test_names_and_keys_are_taken_apart(uri: str, parts: tuple[str, str]) -> None:
    assert split(uri) == parts


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "s3://",
        "s3:///key",
        "s3:/bucket/key",
        "http://s3.amazonaws.com/bucket/key",
        "https://s3.amazonaws.com",
        "https://s3.amazonaws.com//key",
        "https://example.com/bucket/key",
        "https://s3.amazonaws.com.example.com/bucket/key",
        "https://user@s3.amazonaws.com/bucket/key",
        "https://bucket.s3.amazonaws.com/key?versionId=1",
        "https://bucket.s3.amazonaws.com/key#part",
        "https://ec2.us-east-1.amazonaws.com/bucket/key",
        "https://s3.amazonaws.com:notaport/bucket/key",
        "https://[s3.amazonaws.com/bucket/key",
        "https://bucket.s3.amazonaws.com/%FF%FE",
    ],
)
def test_what_names_no_object_is_refused_with_its_text(uri: str) -> None:
    with pytest.raises(ValueError, match="not an S3 URI") as error:
        split(uri)
    assert repr(uri) in str(error.value)
    assert not is_s3(uri)
