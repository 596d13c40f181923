"""Trial: what every noun promises; what is in an experiment keeps it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from tests.services.sagemaker.experiments.examples import EXPERIMENT, TRIAL

from sagewright.testing.nouns import Client, NounCase


class TestTrial(NounCase):
    kind = "Trial"
    example = TRIAL
    update: ClassVar[dict[str, Any]] = {"DisplayName": "Another"}

    @pytest.mark.skip("its filters look at links, which the tests below make")
    def test_each_filter_lets_through_what_describe_says(self) -> None:  # type: ignore[override]
        """See below."""

    @pytest.mark.skip("Search calls it ExperimentTrial; that is for Search to know")
    def test_search_finds_it(self) -> None:  # type: ignore[override]
        """Not yet."""

    def prepare(self, client: Client) -> None:
        sagemaker = client("sagemaker")
        with suppress(ClientError):
            sagemaker.create_experiment(**EXPERIMENT)
        for name in ("empty", "other"):
            with suppress(ClientError):
                sagemaker.create_experiment(ExperimentName=f"trials-{name}")


def test_a_trial_needs_its_experiment_and_keeps_it(client: Client) -> None:
    sagemaker = client("sagemaker")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.create_trial(TrialName="lost", ExperimentName="not-there")
    sagemaker.create_experiment(ExperimentName="keeping")
    sagemaker.create_trial(TrialName="kept", ExperimentName="keeping")
    assert sagemaker.describe_trial(TrialName="kept")["DisplayName"] == "kept"
    listed = sagemaker.list_trials(ExperimentName="keeping")["TrialSummaries"]
    assert [(each["TrialName"], each["DisplayName"]) for each in listed] == [("kept", "kept")]
    with pytest.raises(ClientError, match=r"ValidationException.*must be deleted first"):
        sagemaker.delete_experiment(ExperimentName="keeping")
    sagemaker.delete_trial(TrialName="kept")
    sagemaker.delete_experiment(ExperimentName="keeping")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.list_trials(ExperimentName="keeping")
