"""Whose metrics a name or an ARN means."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kit.house import House
from tests.kit.run_metrics import ARN

from sagewright.nouns.operations import Call, Principal
from sagewright.services.sagemaker_metrics._components import job_in_other_case, metrics_arn, owners_of
from sagewright.wire.http import Request

OWN = f"{ARN}:experiment-trial-component"


@pytest.fixture
def call(tmp_path: Path) -> Call:
    request = Request("PUT", "/", "", "/", [], {}, lambda _: b"")  # type: ignore[arg-type]
    who = Principal("arn:aws:iam::123456789012:root", "123456789012", "AKIA")
    return Call("sagemaker-metrics", "BatchPutMetrics", "us-east-1", who, "id", request, House(tmp_path).platform)


@pytest.mark.parametrize(
    ("arn", "kept"),
    [
        (f"{OWN}/run", f"{OWN}/run"),
        (f"{ARN}:training-job/Churn-1", f"{OWN}/churn-1-aws-training-job"),
        (f"{ARN}:processing-job/p", f"{OWN}/p-aws-processing-job"),
        (f"{ARN}:transform-job/t", f"{OWN}/t-aws-transform-job"),
        (f"{ARN}:endpoint/e", None),
    ],
)
def test_where_metrics_are_kept(arn: str, kept: str | None) -> None:
    assert metrics_arn(arn) == kept


def test_who_may_have_metrics_by_a_name(call: Call) -> None:
    assert owners_of(call, "run") == (f"{OWN}/run",)
    assert owners_of(call, "-aws-training-job") == (f"{OWN}/-aws-training-job",)
    assert owners_of(call, "a-aws-transform-job") == (f"{OWN}/a-aws-transform-job", f"{ARN}:transform-job/a")


def test_a_job_is_found_whose_name_differs_in_case_alone(call: Call) -> None:
    for name in ("Churn-1", "Churn-10", "other"):
        arn = f"{ARN}:training-job/{name}"
        call.platform.resources.create(
            account="123456789012", region="us-east-1", kind="TrainingJob", name=name, arn=arn, spec={}
        )
    assert job_in_other_case(call, "churn-1-aws-training-job") == f"{ARN}:training-job/Churn-1"
    assert job_in_other_case(call, "churn-1-aws-processing-job") is None
    assert job_in_other_case(call, "churn-aws-training-job") is None
    assert job_in_other_case(call, "churn-1") is None
