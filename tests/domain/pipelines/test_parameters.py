"""Values of parameters come as texts and have the declared type."""

from __future__ import annotations

import pytest

from sagewright.domain.pipelines.parameters import Parameter, parse, to_text, values

DECLARED = (
    Parameter("Text", "String", "red", ("red", "green")),
    Parameter("Count", "Integer"),
    Parameter("Rate", "Float", 0.5),
    Parameter("Flag", "Boolean", False),
)


def test_values_are_those_given_else_the_defaults() -> None:
    assert values(DECLARED, [("Count", "3")]) == {"Text": "red", "Count": 3, "Rate": 0.5, "Flag": False}
    given = [("Text", "green"), ("Count", "-1"), ("Rate", "1e-3"), ("Flag", "True")]
    assert values(DECLARED, given) == {"Text": "green", "Count": -1, "Rate": 0.001, "Flag": True}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "'Count' has no default"),
        ([("Count", "3"), ("Other", "1")], "no parameter 'Other'"),
        ([("Count", "3"), ("Count", "4")], "given twice"),
        ([("Count", "3.5")], "is no Integer"),
        ([("Count", "3"), ("Rate", "nan")], "is no Float"),
        ([("Count", "3"), ("Flag", "yes")], "is no Boolean"),
        ([("Count", "3"), ("Text", "blue")], "is none of red, green"),
        ([("Count", "1" * 1025)], "longer than 1024"),
    ],
)
def test_wrong_values_are_refused(given: list[tuple[str, str]], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        values(DECLARED, given)


def test_whole_numbers_may_be_floats() -> None:
    (parameter,) = parse([{"Name": "Rate", "Type": "Float", "DefaultValue": 1, "EnumValues": [1, 2.5]}])
    assert (parameter.default, parameter.choices) == (1.0, (1.0, 2.5))


def test_values_are_shown_as_texts() -> None:
    assert [to_text(value) for value in ("a", 5, 0.5, True)] == ["a", "5", "0.5", "true"]
