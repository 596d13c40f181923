"""The list of public sample buckets, and what is answered for them without internet."""

from __future__ import annotations

import pytest

from sagewright.store.objects.samples import Reference, names, region_of


@pytest.mark.parametrize(
    ("bucket", "region"),
    [
        ("sagemaker-sample-files", "us-east-1"),
        ("sagemaker-example-files-prod-eu-west-1", "eu-west-1"),
        ("sagemaker-sample-data-us-gov-west-1", "us-gov-west-1"),
        ("jumpstart-cache-prod-ap-southeast-2", "ap-southeast-2"),
        ("sagemaker-sample-data-REGION", None),
        ("sagemaker-sample-data-somewhere", None),
        ("sagemaker-sample-data-zz-nowhere-1", None),  # a client each, and a name that DNS is asked for
        ("my-sagemaker-sample-files", None),
        ("sagemaker-us-east-1-123456789012", None),
    ],
)
def test_the_list_says_which_buckets_are_samples_and_where(bucket: str, region: str | None) -> None:
    assert region_of(bucket) == region


def test_the_list_is_data() -> None:
    assert {"sagemaker-sample-files", "sagemaker-sample-data-REGION"} <= set(names())


def test_a_reference_says_bucket_and_key() -> None:
    assert Reference.of("sample:bucket/a/b", 3) == ("bucket", "a/b", 3)
    assert Reference.of("3f9c", 3) is None
