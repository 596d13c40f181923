"""That the trials of bad input leave no served operation out, and would see a change; and a region too long for any
table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.contract.bad_input.stages import STAGES
from tests.contract.bad_input.trial import UNTRIED, Arena

from sagewright.nouns.operations import all_operations
from sagewright.wire.models import SERVED


def test_every_service_that_works_is_tried() -> None:
    assert {each.service for each in all_operations()} <= STAGES.keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("s3", "PutObject"),
        ("s3", "UploadPart"),
        ("s3", "PutBucketTagging"),
        ("iam", "CreateUser"),
        ("iam", "UpdateRoleDescription"),
        ("sts", "GetSessionToken"),
        ("logs", "CreateLogStream"),
        ("logs", "PutLogEvents"),
        ("cloudwatch", "PutMetricData"),
        ("sagemaker", "CreateModel"),
        ("sagemaker", "CreateTrainingJob"),
        ("sagemaker", "StopTrainingJob"),
        ("sagemaker", "UpdateEndpoint"),
    ],
)
def test_what_an_accepted_request_changes_is_seen(arena: Callable[[str], Arena], service: str, operation: str) -> None:
    here = arena(service)
    here.values["Description"] = operation  # other than it is
    here.values["Tagging"] = {"TagSet": [{"Key": "k", "Value": operation}]}
    here.state.changed(logs=True)
    assert not here.state.changed(logs=True)
    answer = here.caller.send(here.target(operation, SERVED[service].protocols[0]).shot(), service)
    assert answer.status < 300, answer
    assert here.state.changed(logs=True)


def test_a_region_longer_than_any_is_refused_before_it_reaches_a_table(client: Callable[..., Any]) -> None:
    with pytest.raises(ClientError) as refused:
        client("sagemaker", region="r" * 40).list_models()
    assert refused.value.response["Error"]["Code"] == "IncompleteSignatureException"


def test_what_is_not_tried_yet_is_an_operation_that_works() -> None:
    """``untried.txt`` only shrinks, and names nothing else."""
    assert {each.name for each in all_operations() if each.service == "sagemaker"} >= UNTRIED
