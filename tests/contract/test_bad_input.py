"""That the trials of bad input leave no served operation out; and a region too long for any table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.contract.bad_input.stages import STAGES

from sagewright.kernel.operations import all_operations


def test_every_service_that_works_is_tried() -> None:
    assert {each.service for each in all_operations()} <= STAGES.keys()


def test_a_region_longer_than_any_is_refused_before_it_reaches_a_table(client: Callable[..., Any]) -> None:
    with pytest.raises(ClientError) as refused:
        client("sagemaker", region="r" * 40).list_models()
    assert refused.value.response["Error"]["Code"] == "IncompleteSignatureException"
