"""Paths into documents."""

from __future__ import annotations

import pytest

from sagewright.domain.pipelines.paths import look_up, tokens


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a", ("a",)),
        ("$.a.b-c", ("a", "b-c")),
        ("a[0]['x.y'].z", ("a", 0, "x.y", "z")),
        ('["k"][-1]', ("k", -1)),
        ("validation:rmse.value", ("validation:rmse", "value")),
    ],
)
def test_tokens(path: str, found: tuple[str | int, ...]) -> None:
    assert tokens(path) == found


@pytest.mark.parametrize("path", ["", "$", "a.", "a..b", "a[", "a[x]", "a]b", "a[0]b", "a['x"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(ValueError, match="is not a path"):
        tokens(path)


def test_look_up_names_what_is_missing() -> None:
    document = {"a": [{"Name": "x", "v": 1}, 2], "0": "zero"}
    assert look_up(document, "a['x'].v") == 1
    assert look_up(document, "a[-1]") == 2
    assert look_up(document, "[0]") == "zero"
    for path, missing in (("b.c", "b"), ("a[2]", "[2]"), ("a['y']", "y"), ("a[1].v", "v"), ("0.v", "v")):
        with pytest.raises(LookupError) as error:
            look_up(document, path)
        assert error.value.args == (missing,)
