"""Kinds that work without being nouns."""

from __future__ import annotations

import pytest

from sagewright.bootstrap import load_services
from sagewright.nouns.background import all_background, run_in_background
from sagewright.services.scheduler._timer import Timer


def test_a_kind_is_registered_once() -> None:
    load_services()
    assert {"EventDelivery", "Rule", "Schedule"} <= {each.kind for each in all_background()}
    with pytest.raises(ValueError, match="Schedule is declared twice"):
        run_in_background("Schedule", Timer.of)
