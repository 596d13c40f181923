"""``NounCase`` finds what it should: a difference at any depth, and a wrong request for each constraint."""

from __future__ import annotations

from sagewright.testing.nouns import broken, lacks
from sagewright.wire.models import input_shape
from sagewright.wire.validation import violations

REQUEST = {
    "CodeRepositoryName": "example",
    "GitConfig": {"RepositoryUrl": "https://git.example.com/a.git"},
    "Tags": [{"Key": "k", "Value": "v"}],
}


def test_what_a_document_lacks_is_named_and_what_it_has_besides_is_not() -> None:
    document = {"a": {"b": [1, {"c": 2}]}, "more": True}
    assert lacks(document, {"a": {"b": [1, {"c": 2}]}}) == []
    assert lacks(document, {"a": {"b": [1, {"c": 3}]}}) == [".a.b[1].c"]
    assert lacks(document, {"a": {"b": [1]}, "d": 0}) == [".a.b", ".d"]


def test_a_request_is_broken_in_each_of_its_members() -> None:
    shape = input_shape("sagemaker", "CreateCodeRepository")
    wrong = [each for each in broken(shape, REQUEST) if violations(shape, each)]
    assert violations(shape, REQUEST) == []
    assert {key: value for key, value in REQUEST.items() if key != "GitConfig"} in wrong
    assert {**REQUEST, "GitConfig": {}} in wrong
    said = " ".join(text for each in wrong for text in violations(shape, each))
    for path in (
        "codeRepositoryName",
        "gitConfig",
        "gitConfig.repositoryUrl",
        "tags.1.member.key",
        "tags.1.member.val",
    ):
        assert f"'{path}" in said, path
