"""Plans read from requests, and what is refused by which words."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.core.errors import AwsError, NotImplementedYet, ValidationException
from sagewright.domain.tuning.completion import Criteria
from sagewright.domain.tuning.document import read_plan, read_space
from sagewright.domain.tuning.job import Goal, Limits
from sagewright.domain.tuning.ranges import Categorical, Continuous, Integer, Scaling
from sagewright.domain.tuning.strategies import Strategy

Json = dict[str, Any]


def request(**config: Any) -> Json:
    """A request with one definition; ``config`` replaces members of its configuration, None removes them."""
    members = {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:auc"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 20, "MaxParallelTrainingJobs": 3},
        "ParameterRanges": {
            "IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "10", "ScalingType": "Linear"}],
            "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "1e-5", "MaxValue": "0.5"}],
            "CategoricalParameterRanges": [{"Name": "booster", "Values": ['"gbtree"', '"dart"']}],
        },
    } | config
    return {
        "HyperParameterTuningJobConfig": {name: value for name, value in members.items() if value is not None},
        "TrainingJobDefinition": {"StaticHyperParameters": {"num_round": "10"}},
    }


GRID = {"CategoricalParameterRanges": [{"Name": "a", "Values": list("xyz")}, {"Name": "b", "Values": ["1", "2"]}]}


def several(*names: str | None, metric: str = "m") -> Json:
    whole = request(HyperParameterTuningJobObjective=None, ParameterRanges=None)
    del whole["TrainingJobDefinition"]
    whole["TrainingJobDefinitions"] = [
        {"TuningObjective": {"Type": "Minimize", "MetricName": metric if index else "m"}, "HyperParameterRanges": GRID}
        | ({"DefinitionName": name} if name else {})
        for index, name in enumerate(names)
    ]
    return whole


def test_a_plan_is_read() -> None:
    plan = read_plan(
        request(
            RandomSeed=5,
            TrainingJobEarlyStoppingType="Auto",
            ResourceLimits={"MaxNumberOfTrainingJobs": 20, "MaxParallelTrainingJobs": 3, "MaxRuntimeInSeconds": 600},
            TuningJobCompletionCriteria={
                "TargetObjectiveMetricValue": 0.9,
                "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 5},
                "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"},
            },
        )
    )
    assert (plan.strategy, plan.seed, plan.early_stopping) == (Strategy.BAYESIAN, 5, True)
    assert plan.limits == Limits(20, 3, 600)
    assert plan.criteria == Criteria(target=-0.9, not_improving=5, on_convergence=True)
    (definition,) = plan.definitions
    assert (definition.metric, definition.goal) == ("validation:auc", Goal.MAXIMIZE)
    assert definition.space.parameters == (
        Integer("depth", 1, 10),
        Continuous("eta", 1e-5, 0.5, Scaling.LOGARITHMIC),
        Categorical("booster", ('"gbtree"', '"dart"')),
    )


def test_what_a_request_leaves_out() -> None:
    plan = read_plan(request(ResourceLimits={"MaxParallelTrainingJobs": 1}))
    assert (plan.limits.jobs, plan.seed, plan.early_stopping, plan.criteria) == (750, None, False, Criteria())
    random = request(Strategy="Random", ResourceLimits={"MaxParallelTrainingJobs": 1})
    assert read_plan(random).limits.jobs == 10_000
    off = {"ConvergenceDetected": {"CompleteOnConvergence": "Disabled"}}
    assert read_plan(request(TuningJobCompletionCriteria=off)).criteria == Criteria()


def test_a_grid_has_as_many_jobs_as_points() -> None:
    plan = read_plan(request(Strategy="Grid", ParameterRanges=GRID, ResourceLimits={"MaxParallelTrainingJobs": 3}))
    assert plan.limits == Limits(6, 3)


def test_several_definitions_name_themselves() -> None:
    plan = read_plan(several("one", "two"))
    assert [(each.name, each.goal) for each in plan.definitions] == [("one", Goal.MINIMIZE), ("two", Goal.MINIMIZE)]


def integer(low: str, high: str, scaling: str = "Linear") -> Json:
    return {"IntegerParameterRanges": [{"Name": "p", "MinValue": low, "MaxValue": high, "ScalingType": scaling}]}


def real(low: str, high: str, scaling: str = "Linear") -> Json:
    return {"ContinuousParameterRanges": [{"Name": "p", "MinValue": low, "MaxValue": high, "ScalingType": scaling}]}


def category(*values: str) -> Json:
    return {"CategoricalParameterRanges": [{"Name": "p", "Values": list(values)}]}


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        (integer("1.5", "3"), "MinValue of hyperparameter p must be an integer, not '1.5'"),
        (integer("1", "x"), "MaxValue of hyperparameter p must be an integer"),
        (integer("1", "9" * 30), "must be within"),
        (integer("5", "3"), "MinValue of hyperparameter p, 5, must not be more than MaxValue, 3"),
        (integer("0", "3", "Logarithmic"), "must be more than 0 for ScalingType Logarithmic"),
        (integer("0", "1", "ReverseLogarithmic"), "for continuous ranges alone"),
        (real("nan", "1"), "MinValue of hyperparameter p must be a number"),
        (real("0", "inf"), "MaxValue of hyperparameter p must be a number"),
        (real("0", ""), "MaxValue of hyperparameter p must be a number"),
        (real("2", "1"), "must not be more than MaxValue"),
        (real("-1", "1", "Logarithmic"), "must be more than 0"),
        (real("0", "1", "ReverseLogarithmic"), "within 0 <= x < 1"),
        (real("-0.1", "0.5", "ReverseLogarithmic"), "within 0 <= x < 1"),
        (category(*map(str, range(31))), "The number of values of hyperparameter p, 31, must be from 1 to 30"),
        (category(), "The number of values of hyperparameter p, 0,"),
        (category("a", "a"), "must differ"),
        ({}, "at least 1"),
        ({"CategoricalParameterRanges": [{"Name": f"p{n}", "Values": ["a"]} for n in range(31)]}, "31, must be at"),
        (integer("1", "2") | real("0", "1"), "Hyperparameter p must not have more than one range"),
    ],
)  # fmt: skip
def test_a_range_is_refused_by_its_name_and_limit(ranges: Json, words: str) -> None:
    with pytest.raises(ValidationException, match=re.escape(words)):
        read_space(ranges)


@given(st.text(max_size=8), st.text(max_size=8), st.sampled_from(["Auto", *(each.value for each in Scaling)]))
def test_any_text_is_a_range_or_is_refused(low: str, high: str, scaling: str) -> None:
    for ranges in (integer(low, high, scaling), real(low, high, scaling)):
        try:
            space = read_space(ranges)
        except ValidationException:
            continue
        space.draw([0.5])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (request(ResourceLimits={"MaxNumberOfTrainingJobs": 751, "MaxParallelTrainingJobs": 1}), "751, must be at"),
        (request(Strategy="Random", ResourceLimits={"MaxNumberOfTrainingJobs": 10_001, "MaxParallelTrainingJobs": 1}),
         "10000 for Strategy Random"),
        (request(ResourceLimits={"MaxNumberOfTrainingJobs": 200, "MaxParallelTrainingJobs": 101}),
         "MaxParallelTrainingJobs, 101, must be at most 100"),
        (request(Strategy="Grid"), "hyperparameter depth is numeric"),
        (request(Strategy="Grid", ParameterRanges=GRID), "20, must be left out or be 6"),
        (request(Strategy="Grid", ParameterRanges={"CategoricalParameterRanges": [
            {"Name": name, "Values": list(map(str, range(30)))} for name in "abc"]}), "27000 points"),
        (request(HyperParameterTuningJobObjective=None), "must have an objective"),
        (request(ParameterRanges=category("1") | {"IntegerParameterRanges": [
            {"Name": "num_round", "MinValue": "1", "MaxValue": "2"}]}), "num_round must not be both"),
        (several("one", None), "DefinitionName"),
        (several("one", "one"), "DefinitionName"),
        (request() | {"TrainingJobDefinitions": []} | {"TrainingJobDefinition": None}, "exactly one of"),
        (request() | {"TrainingJobDefinitions": [{"DefinitionName": "one"}]}, "exactly one of"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_out_is_refused(changed: Json, words: str) -> None:
    with pytest.raises(ValidationException, match=re.escape(words)):
        read_plan(changed)


def test_members_that_exclude_definitions() -> None:
    for members, words in [
        ({"ParameterRanges": GRID}, "must not be given beside"),
        ({"TrainingJobEarlyStoppingType": "Auto"}, "must be Off"),
    ]:
        whole = copy.deepcopy(several("one", "two"))
        whole["HyperParameterTuningJobConfig"] |= members
        with pytest.raises(ValidationException, match=words):
            read_plan(whole)
    whole = several("one", "two", metric="another")
    whole["HyperParameterTuningJobConfig"]["TuningJobCompletionCriteria"] = {"TargetObjectiveMetricValue": 1.0}
    with pytest.raises(ValidationException, match="same objective metric"):
        read_plan(whole)


@pytest.mark.parametrize(
    "later", [request(Strategy="Hyperband"), request(ParameterRanges={"AutoParameters": [{"Name": "p"}]})]
)
def test_what_is_to_come_says_so(later: Json) -> None:
    with pytest.raises(NotImplementedYet, match="not work yet") as raised:
        read_plan(later)
    assert isinstance(raised.value, AwsError)
