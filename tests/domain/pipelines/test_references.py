"""What expressions refer to, and where they stand."""

from __future__ import annotations

from sagewright.domain.pipelines.references import Reference, is_expression, parse, references


def test_references_are_told_with_their_place() -> None:
    value = {"a": [{"Get": "Parameters.P"}], "b": {"Std:Join": {"Values": [1, {"Get": "Steps.A.X['k'][0]"}]}}}
    assert list(references(value)) == [
        ("Arguments.a[0]", Reference("Parameters.P", "Parameters", "P")),
        ("Arguments.b.Std:Join", Reference("Steps.A.X['k'][0]", "Steps", "A", ("X", "k", 0))),
    ]


def test_property_files() -> None:
    assert parse("Steps.A.PropertyFiles.F").property_file == "F"
    assert parse("Steps.A.PropertyFiles.F.x").property_file is None
    assert parse("Parameters.F").property_file is None


def test_expressions_have_one_member() -> None:
    assert is_expression({"Get": 1})
    assert not any(is_expression(value) for value in ({"Get": 1, "x": 2}, {}, "Get", ["Get"], {"Std:Other": 1}))
