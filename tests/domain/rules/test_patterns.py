"""Event patterns against a table of AWS's examples."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.domain.rules.patterns import matches, parse

EVENT: dict[str, Any] = {
    "version": "0",
    "source": "aws.sagemaker",
    "detail-type": "SageMaker Model Package State Change",
    "account": "123456789012",
    "resources": ["arn:aws:sagemaker:us-east-1:123456789012:model-package/churn/3"],
    "detail": {
        "ModelPackageGroupName": "churn",
        "ModelPackageVersion": 3,
        "ModelApprovalStatus": "Approved",
        "CertifyForMarketplace": False,
        "ApprovalDescription": None,
        "Price": 12.5,
        "Tags": ["red", "green"],
        "Nothing": [],
        "Address": "10.0.0.77",
        "Address6": "2001:db8::1",
        "Hosts": [{"Name": "a", "State": "up"}, {"Name": "b", "State": "down"}],
        "Path": "dir/file.png",
    },
}


def detail(**members: Any) -> dict[str, Any]:
    return {"detail": members}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"source": ["aws.sagemaker"]}, True),
        ({"source": ["aws.s3"]}, False),
        ({"source": ["aws.s3", "aws.sagemaker"], "detail-type": ["SageMaker Model Package State Change"]}, True),
        ({"source": ["aws.sagemaker"], "detail-type": ["Other"]}, False),
        ({"source": ["AWS.sagemaker"]}, False),
        ({"resources": [{"suffix": "churn/3"}]}, True),
        (detail(ModelPackageVersion=[3]), True),
        (detail(ModelPackageVersion=[3.0]), True),
        (detail(ModelPackageVersion=["3"]), False),
        (detail(CertifyForMarketplace=[False]), True),
        (detail(CertifyForMarketplace=[0]), False),
        (detail(ApprovalDescription=[None]), True),
        (detail(ApprovalDescription=[""]), False),
        (detail(Missing=[None]), False),
        (detail(Tags=["green"]), True),
        (detail(Tags=["blue"]), False),
        (detail(ModelApprovalStatus=[{"prefix": "App"}]), True),
        (detail(ModelApprovalStatus=[{"prefix": "app"}]), False),
        (detail(ModelApprovalStatus=[{"prefix": {"equals-ignore-case": "aPP"}}]), True),
        (detail(Path=[{"suffix": ".png"}]), True),
        (detail(Path=[{"suffix": {"equals-ignore-case": ".PNG"}}]), True),
        (detail(ModelApprovalStatus=[{"equals-ignore-case": "approved"}]), True),
        (detail(ModelApprovalStatus=[{"anything-but": "Rejected"}]), True),
        (detail(ModelApprovalStatus=[{"anything-but": ["Approved", "Rejected"]}]), False),
        (detail(ModelPackageVersion=[{"anything-but": [1, 2]}]), True),
        (detail(ModelPackageVersion=[{"anything-but": 3}]), False),
        (detail(Missing=[{"anything-but": "x"}]), False),
        (detail(ModelApprovalStatus=[{"anything-but": {"prefix": "App"}}]), False),
        (detail(ModelApprovalStatus=[{"anything-but": {"prefix": ["Rej", "Pen"]}}]), True),
        (detail(Path=[{"anything-but": {"suffix": ".png"}}]), False),
        (detail(ModelApprovalStatus=[{"anything-but": {"equals-ignore-case": ["APPROVED"]}}]), False),
        (detail(Path=[{"anything-but": {"wildcard": "dir/*.png"}}]), False),
        (detail(Path=[{"anything-but": {"wildcard": ["*.jpg", "*.gif"]}}]), True),
        (detail(Price=[{"numeric": ["=", 12.5]}]), True),
        (detail(Price=[{"numeric": [">", 10, "<=", 12.5]}]), True),
        (detail(Price=[{"numeric": ["<", 12.5]}]), False),
        (detail(ModelApprovalStatus=[{"numeric": [">", 0]}]), False),
        (detail(CertifyForMarketplace=[{"numeric": ["<", 1]}]), False),
        (detail(ModelPackageVersion=[{"exists": True}]), True),
        (detail(ApprovalDescription=[{"exists": True}]), True),
        (detail(Missing=[{"exists": False}]), True),
        (detail(Missing=[{"exists": True}]), False),
        (detail(Nothing=[{"exists": True}]), False),
        ({"detail": [{"exists": True}]}, False),
        (detail(Missing=[{"exists": False}, "x"]), True),
        ({"absent": {"deeper": [{"exists": False}]}}, True),
        (detail(Address=[{"cidr": "10.0.0.0/24"}]), True),
        (detail(Address=[{"cidr": "10.0.1.0/24"}]), False),
        (detail(Address6=[{"cidr": "2001:db8::/32"}]), True),
        (detail(Path=[{"cidr": "10.0.0.0/8"}]), False),
        (detail(Path=[{"wildcard": "dir/*.png"}]), True),
        (detail(Path=[{"wildcard": "*"}]), True),
        (detail(Path=[{"wildcard": "d*f*.p*g"}]), True),
        (detail(Path=[{"wildcard": "d*x*g"}]), False),
        (detail(Path=[{"wildcard": "dir/file.png*g"}]), False),
        (detail(Hosts={"Name": ["a"], "State": ["up"]}), True),
        (detail(Hosts={"Name": ["a"], "State": ["down"]}), False),
        (detail(ModelPackageVersion=[1, {"numeric": [">", 2]}]), True),
        (detail(**{"$or": [{"Price": [1]}, {"ModelPackageVersion": [3]}]}), True),
        (detail(**{"$or": [{"Price": [1]}, {"ModelPackageVersion": [4]}]}), False),
        (detail(Price=[1], **{"$or": [{"Price": [12.5]}, {"ModelPackageVersion": [3]}]}), False),
        ({"$or": [{"source": ["x"]}, {"detail": {"Tags": ["red"]}}]}, True),
    ],
)
def test_a_pattern_matches_what_the_table_says(pattern: dict[str, Any], expected: bool) -> None:
    assert matches(json.dumps(pattern), EVENT) is expected


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("x", "line 1, column 1"),
        ("[]", "Filter is not an object"),
        ("{}", "Empty objects"),
        ('{"a": {}}', "Empty objects"),
        ('{"a": []}', "Empty arrays"),
        ('{"a": "b"}', '"a" must be an object or an array'),
        ('{"a": [["b"]]}', "Match value must be"),
        ('{"a": [1], "a": [2]}', "Path `a`"),
        ('{"a": [NaN]}', "NaN"),
        ('{"a": [{"like": "b"}]}', "Unrecognized match type like"),
        ('{"a": [{"prefix": "b", "suffix": "c"}]}', "Only one key"),
        ('{"a": [{}]}', "Only one key"),
        ('{"a": [{"prefix": 1}]}', "prefix match pattern must be a string"),
        ('{"a": [{"suffix": {"x": "y"}}]}', "suffix"),
        ('{"a": [{"equals-ignore-case": 1}]}', "equals-ignore-case"),
        ('{"a": [{"exists": "yes"}]}', "true or false"),
        ('{"a": [{"numeric": 1}]}', "must be an array"),
        ('{"a": [{"numeric": [">"]}]}', "one or two"),
        ('{"a": [{"numeric": ["!", 1]}]}', "operator: !"),
        ('{"a": [{"numeric": [">", "1"]}]}', "Value of > must be numeric"),
        ('{"a": [{"numeric": [">", 6e9]}]}', "between"),
        ('{"a": [{"numeric": ["<", 1, ">", 0]}]}', "lower bound"),
        ('{"a": [{"numeric": [">", 2, "<", 1]}]}', "Bottom must be less than top"),
        ('{"a": [{"cidr": "10.0.0.0"}]}', "one '/' required"),
        ('{"a": [{"cidr": "10.0.0.0/99"}]}', "Malformed CIDR"),
        ('{"a": [{"wildcard": "a**b"}]}', "Consecutive"),
        ('{"a": [{"wildcard": "a\\\\b"}]}', "escape"),
        ('{"a": [{"anything-but": ["a", 1]}]}', "mixed type"),
        ('{"a": [{"anything-but": []}]}', "Empty arrays"),
        ('{"a": [{"anything-but": {"exists": true}}]}', "anything-but"),
        ('{"a": ' * 3000, "."),
    ],
)
def test_what_is_wrong_with_a_pattern_is_said(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        parse(pattern)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "$or"]), inner, max_size=3),
)
OPERATORS = ["prefix", "suffix", "anything-but", "numeric", "exists", "wildcard", "equals-ignore-case", "cidr"]
TESTS = st.dictionaries(st.sampled_from(OPERATORS), JSON, max_size=2) | JSON


@given(st.dictionaries(st.sampled_from(["a", "b", "$or"]), st.lists(TESTS, max_size=3) | JSON), JSON)
def test_any_document_is_a_pattern_or_refused(document: Any, value: Any) -> None:
    try:
        pattern = parse(json.dumps(document))
    except ValueError:
        return
    assert pattern.matches({"a": value}) in (True, False)


@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab", max_size=8))
def test_a_wildcard_agrees_with_a_regular_expression(text: str, value: str) -> None:
    import re

    if "**" in text:
        return
    expected = re.fullmatch(text.replace("*", ".*"), value) is not None
    assert matches(json.dumps({"a": [{"wildcard": text}]}), {"a": value}) is expected
