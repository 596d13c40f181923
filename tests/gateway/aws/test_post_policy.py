"""The policy of a browser's upload: dates and conditions as S3 reads them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from sagewright.core.errors import AwsError
from sagewright.gateway.aws.post_policy import check

FIELDS = {"bucket": "b", "key": "photos/1", "policy": ""}
CONDITIONS = [{"bucket": "b"}, ["starts-with", "$key", "photos/"]]


def encoded(expiration: Any = "2030-01-01T00:00:00Z", conditions: Any = CONDITIONS) -> str:
    document = {"expiration": expiration, "conditions": conditions}
    return base64.b64encode(json.dumps(document).encode()).decode()


@pytest.mark.parametrize("expiration", ["2030-01-01T00:00:00Z", "2030-01-01T00:00:00.000Z"])
def test_a_policy_that_is_kept_to(expiration: str) -> None:
    assert check(encoded(expiration), FIELDS, 0.0) is None
    assert check(encoded(conditions=[*CONDITIONS, ["content-length-range", 1, 9]]), FIELDS, 0.0) == (1, 9)


@pytest.mark.parametrize(
    "expiration",
    ["2030-01-01 00:00:00", "2030-01-01T00:00:00", "2030-01-01T00:00:00+01:00", "2030-13-01T00:00:00Z", 7, ""],
)
def test_dates_of_another_form_are_refused(expiration: Any) -> None:
    with pytest.raises(AwsError) as caught:
        check(encoded(expiration), FIELDS, 0.0)
    assert (caught.value.status, caught.value.code) == (400, "InvalidPolicyDocument")


@pytest.mark.parametrize(
    ("fields", "conditions", "now"),
    [
        ({**FIELDS, "key": "other/1"}, CONDITIONS, 0.0),
        ({**FIELDS, "extra": "1"}, CONDITIONS, 0.0),
        (FIELDS, [{"bucket": "c"}, *CONDITIONS[1:]], 0.0),
        (FIELDS, CONDITIONS, 2e9),
    ],
)
def test_what_breaks_it_is_denied(fields: dict[str, str], conditions: Any, now: float) -> None:
    with pytest.raises(AwsError) as caught:
        check(encoded(conditions=conditions), fields, now)
    assert (caught.value.status, caught.value.code) == (403, "AccessDenied")
