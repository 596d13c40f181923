"""Readers of the feed of changes are there by being written."""

from __future__ import annotations

from typing import Any, cast

import pytest

from sagewright.engine.feed import Reader
from sagewright.nouns import reactions


def test_two_readers_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(reactions, "_makers", made)
    reactions.reaction(lambda _platform, _calls: Reader("mine", print))
    nothing = cast("Any", None)
    assert [each.name for each in reactions.all_readers(nothing, nothing)] == ["mine"]
    reactions.reaction(lambda _platform, _calls: Reader("mine", print))
    with pytest.raises(ValueError, match="mine"):
        reactions.all_readers(nothing, nothing)
