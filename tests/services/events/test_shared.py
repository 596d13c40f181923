"""Pages of lists."""

from __future__ import annotations

import pytest

from sagewright.core.errors import ValidationException
from sagewright.services.events._shared import page


def test_pages_follow_one_another_and_end() -> None:
    names, found = [f"n{number}" for number in range(5)], []
    request: dict[str, object] = {"MaxResults": 2, "Limit": 2}
    for _ in range(3):
        part, more = page(request, names[::-1], str)
        found.append(part)
        request |= more
    assert found == [["n0", "n1"], ["n2", "n3"], ["n4"]]
    assert more == {}


@pytest.mark.parametrize("token", ["x", "00", "[" * 9, "5b5d"])
def test_a_token_of_nobody_is_refused(token: str) -> None:
    with pytest.raises(ValidationException):
        page({"NextToken": token}, ["a"], str)
