"""TrialComponent: what every noun promises; in trials and out of them; what an update adds and takes; its metrics."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from tests.services.sagemaker.experiments.examples import BEGIN, COMPONENT, MINUTE

from sagewright.testing.nouns import Client, NounCase


class TestTrialComponent(NounCase):
    kind = "TrialComponent"
    example: ClassVar[dict[str, Any]] = {
        **COMPONENT,
        "StartTime": datetime.fromtimestamp(BEGIN, UTC),
        "EndTime": datetime.fromtimestamp(BEGIN + MINUTE, UTC),
    }
    update: ClassVar[dict[str, Any]] = {"Status": {"PrimaryStatus": "Completed", "Message": "done"}}

    @pytest.mark.skip("its filters look at links, which the tests below make")
    def test_each_filter_lets_through_what_describe_says(self) -> None:  # type: ignore[override]
        """See below."""

    @pytest.mark.skip("Search calls it ExperimentTrialComponent; that is for Search to know")
    def test_search_finds_it(self) -> None:  # type: ignore[override]
        """Not yet."""


def test_a_component_is_in_any_number_of_trials_and_stays_until_it_is_in_none(client: Client) -> None:
    sagemaker = client("sagemaker")
    sagemaker.create_experiment(ExperimentName="components")
    for name in ("components-1", "components-2"):
        sagemaker.create_trial(TrialName=name, ExperimentName="components")
    arn = sagemaker.create_trial_component(TrialComponentName="shared")["TrialComponentArn"]
    sagemaker.create_trial_component(TrialComponentName="alone")
    for trial in ("components-1", "components-2", "components-2"):
        answer = sagemaker.associate_trial_component(TrialComponentName="shared", TrialName=trial)
        assert answer["TrialComponentArn"] == arn

    def components(**filters: str) -> list[str]:
        found = sagemaker.list_trial_components(**filters)["TrialComponentSummaries"]
        return [each["TrialComponentName"] for each in found]

    def trials() -> list[str]:
        found = sagemaker.list_trials(TrialComponentName="shared", SortBy="Name", SortOrder="Ascending")
        return [each["TrialName"] for each in found["TrialSummaries"]]

    assert trials() == ["components-1", "components-2"]
    assert components(TrialName="components-1") == components(ExperimentName="components") == ["shared"]
    for refused in (
        lambda: sagemaker.delete_trial_component(TrialComponentName="shared"),
        lambda: sagemaker.delete_trial(TrialName="components-1"),
    ):
        with pytest.raises(ClientError, match=r"ValidationException.*must be disassociated"):
            refused()
    sagemaker.disassociate_trial_component(TrialComponentName="shared", TrialName="components-1")
    with pytest.raises(ClientError, match=r"ResourceNotFound.*not associated"):
        sagemaker.disassociate_trial_component(TrialComponentName="shared", TrialName="components-1")
    assert trials() == ["components-2"]
    sagemaker.disassociate_trial_component(TrialComponentName="shared", TrialName="components-2")
    sagemaker.delete_trial_component(TrialComponentName="shared")
    assert components(TrialName="components-2") == []
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.associate_trial_component(TrialComponentName="shared", TrialName="components-1")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.associate_trial_component(TrialComponentName="alone", TrialName="not-there")


def test_an_update_adds_replaces_and_removes_entries(client: Client) -> None:
    sagemaker = client("sagemaker")
    name = {"TrialComponentName": "updated"}
    sagemaker.create_trial_component(**{**COMPONENT, **name})
    sagemaker.update_trial_component(
        **name,
        Parameters={"rate": {"NumberValue": 0.25}, "depth": {"NumberValue": 3}},
        ParametersToRemove=["optimizer", "not-there"],
        InputArtifactsToRemove=["data"],
    )
    found = sagemaker.describe_trial_component(**name)
    assert found["Parameters"] == {"rate": {"NumberValue": 0.25}, "depth": {"NumberValue": 3.0}}
    assert found.get("InputArtifacts", {}) == {}
    assert found["OutputArtifacts"] == COMPONENT["OutputArtifacts"]
    many = {f"p{n}": {"NumberValue": n} for n in range(299)}
    with pytest.raises(ClientError, match="would have 301 entries"):
        sagemaker.update_trial_component(**name, Parameters=many)


def test_what_was_logged_is_summed_up_and_goes_with_the_component(client: Client) -> None:
    sagemaker, metrics = client("sagemaker"), client("sagemaker-metrics")
    name = {"TrialComponentName": "logged-to"}
    arn = sagemaker.create_trial_component(**name)["TrialComponentArn"]
    assert sagemaker.describe_trial_component(**name)["Metrics"] == []
    now = int(time.time())
    data = [{"MetricName": "loss", "Timestamp": now, "Step": n, "Value": v} for n, v in enumerate((4.0, 1.0, 1.0))]
    metrics.batch_put_metrics(**name, MetricData=data)
    for named in ("logged-to", arn):
        (loss,) = sagemaker.describe_trial_component(TrialComponentName=named)["Metrics"]
        assert (loss["Count"], loss["Min"], loss["Max"], loss["Last"], loss["Avg"]) == (3, 1.0, 4.0, 1.0, 2.0)
    sagemaker.delete_trial_component(**name)
    sagemaker.create_trial_component(**name)
    assert sagemaker.describe_trial_component(**name)["Metrics"] == []
