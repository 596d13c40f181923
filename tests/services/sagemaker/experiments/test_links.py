"""What is in what: a trial component of several trials of one experiment is listed once."""

from __future__ import annotations

from sagewright.testing.nouns import Client


def test_a_component_of_two_trials_is_in_their_experiment_once(client: Client) -> None:
    sagemaker = client("sagemaker")
    sagemaker.create_experiment(ExperimentName="links")
    for component in ("links-a", "links-b"):
        sagemaker.create_trial_component(TrialComponentName=component)
    for trial in ("links-1", "links-2"):
        sagemaker.create_trial(TrialName=trial, ExperimentName="links")
        for component in ("links-a", "links-b"):
            sagemaker.associate_trial_component(TrialComponentName=component, TrialName=trial)
    found = sagemaker.list_trial_components(ExperimentName="links", SortBy="Name", SortOrder="Ascending")
    assert [each["TrialComponentName"] for each in found["TrialComponentSummaries"]] == ["links-a", "links-b"]
    assert len(sagemaker.list_trials(ExperimentName="links")["TrialSummaries"]) == 2
