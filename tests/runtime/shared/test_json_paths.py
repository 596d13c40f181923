"""The JSONPath subset of a transform job's filters, by the examples of AWS's guide and at its edges."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright_runtime.shared.json_paths import Path, PathError

DOCUMENT = {"id": 7, "a-b": 1, "features": [10, 20, 30, 40], "in": {"x y": {"deep": True}}}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", DOCUMENT),
        ("$.id", 7),
        ("$.a-b", 1),
        ("$['in']['x y'].deep", True),
        ("$['id','a-b']", {"id": 7, "a-b": 1}),
        ("$.features[0]", 10),
        ("$.features[-1]", 40),
        ("$.features[1,3]", [20, 40]),
        ("$.features[1:3]", [20, 30]),
        ("$.features[-2:]", [30, 40]),
        ("$.features[:]", [10, 20, 30, 40]),
        ("$.features[*]", [10, 20, 30, 40]),
        ("$.in.*", [{"deep": True}]),
    ],
)
def test_paths_select(path: str, found: Any) -> None:
    assert Path(path).of(DOCUMENT) == found


@pytest.mark.parametrize("path", ["", "id", "$id", "$.", "$..id", "$[", "$[?(@.x)]", "$['a]", "$.a[1:2:3]", "$ "])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(PathError, match="is not a JSONPath"):
        Path(path)


@pytest.mark.parametrize("path", ["$.none", "$.features[4]", "$.id[0]", "$.id.x", "$['id','none']", "$.features.x"])
def test_what_leads_nowhere_says_so(path: str) -> None:
    with pytest.raises(PathError, match="leads nowhere"):
        Path(path).of(DOCUMENT)
