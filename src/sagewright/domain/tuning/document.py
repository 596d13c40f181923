"""Reads a tuning job's plan from the members of its request, and refuses what cannot be carried out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sagewright.core.errors import NotImplementedYet, ValidationException
from sagewright.domain.tuning.completion import Criteria
from sagewright.domain.tuning.job import MOST_JOBS, MOST_RANDOM_JOBS, Definition, Goal, Limits, Plan
from sagewright.domain.tuning.ranges import Categorical, Continuous, Integer, Parameter, Scaling, Space, automatic
from sagewright.domain.tuning.strategies import Strategy

MOST_PARAMETERS = 30
MOST_VALUES = 30
MOST_PARALLEL = 100
LARGEST_INTEGER = 2**53
"""Whole numbers beyond it cannot be told apart by their coordinates."""

Document = Mapping[str, Any]


def read_plan(request: Document) -> Plan:
    """Read a CreateHyperParameterTuningJob request that has the right form; raises ``ValidationException``."""
    config = request["HyperParameterTuningJobConfig"]
    strategy = _strategy(config["Strategy"])
    definitions = _definitions(request, config)
    spaces = [each.space for each in definitions]
    if strategy is Strategy.GRID:
        _check_grid(spaces)
    early_stopping = config.get("TrainingJobEarlyStoppingType", "Off") == "Auto"
    if early_stopping and len(definitions) > 1:
        raise ValidationException("TrainingJobEarlyStoppingType must be Off where TrainingJobDefinitions are given.")
    return Plan(
        strategy=strategy,
        definitions=definitions,
        limits=_limits(config["ResourceLimits"], strategy, spaces),
        criteria=_criteria(config.get("TuningJobCompletionCriteria") or {}, definitions),
        early_stopping=early_stopping,
        seed=config.get("RandomSeed"),
    )


def _strategy(word: str) -> Strategy:
    try:
        return Strategy(word)
    except ValueError:
        raise NotImplementedYet(f"Strategy {word} does not work yet: use Bayesian, Random or Grid.") from None


def _definitions(request: Document, config: Document) -> tuple[Definition, ...]:
    """Read one definition from TrainingJobDefinition, or several that name themselves from TrainingJobDefinitions."""
    one, several = request.get("TrainingJobDefinition"), request.get("TrainingJobDefinitions")
    if (one is None) == (not several):
        raise ValidationException("Specify exactly one of TrainingJobDefinition and TrainingJobDefinitions.")
    if one is not None:
        objective = config.get("HyperParameterTuningJobObjective") or one.get("TuningObjective")
        ranges = config.get("ParameterRanges") or one.get("HyperParameterRanges")
        return (_definition(one, objective, ranges, "HyperParameterTuningJobConfig"),)
    if config.get("HyperParameterTuningJobObjective") or config.get("ParameterRanges"):
        raise ValidationException(
            "HyperParameterTuningJobObjective and ParameterRanges must not be given beside TrainingJobDefinitions: "
            "each definition has its own TuningObjective and HyperParameterRanges."
        )
    names = [each.get("DefinitionName") for each in several or ()]
    if None in names or len(set(names)) < len(names):
        raise ValidationException("Each of TrainingJobDefinitions must have a DefinitionName that no other has.")
    return tuple(
        _definition(
            each,
            each.get("TuningObjective"),
            each.get("HyperParameterRanges"),
            f"TrainingJobDefinition {each['DefinitionName']}",
        )
        for each in several or ()
    )


def _definition(document: Document, objective: Document | None, ranges: Document | None, where: str) -> Definition:
    if objective is None:
        raise ValidationException(f"{where} must have an objective: the Type and MetricName of a metric.")
    space = read_space(ranges or {})
    static = document.get("StaticHyperParameters") or {}
    if both := [each.name for each in space.parameters if each.name in static]:
        raise ValidationException(f"Hyperparameter {both[0]} must not be both static and tunable.")
    return Definition(document.get("DefinitionName"), objective["MetricName"], Goal(objective["Type"]), space)


def read_space(ranges: Document) -> Space:
    """Read ParameterRanges; raises ``ValidationException`` that names the hyperparameter and the limit."""
    if ranges.get("AutoParameters"):
        raise NotImplementedYet("AutoParameters do not work yet: give each hyperparameter its range.")
    parameters: list[Parameter] = [
        *(_integer(each) for each in ranges.get("IntegerParameterRanges") or ()),
        *(_continuous(each) for each in ranges.get("ContinuousParameterRanges") or ()),
        *(_categorical(each) for each in ranges.get("CategoricalParameterRanges") or ()),
    ]
    names = [each.name for each in parameters]
    if twice := [name for index, name in enumerate(names) if name in names[:index]]:
        raise ValidationException(f"Hyperparameter {twice[0]} must not have more than one range.")
    if not parameters:
        raise ValidationException("ParameterRanges must have a range for at least 1 hyperparameter.")
    if len(parameters) > MOST_PARAMETERS:
        raise ValidationException(
            f"The number of tunable hyperparameters, {len(parameters)}, must be at most {MOST_PARAMETERS}."
        )
    return Space(tuple(parameters))


def _integer(document: Document) -> Integer:
    name = document["Name"]
    low, high = (_whole(name, member, document[member]) for member in ("MinValue", "MaxValue"))
    return Integer(name, low, high, _scaling(document, low, high, whole=True))


def _whole(name: str, member: str, text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise ValidationException(f"{member} of hyperparameter {name} must be an integer, not {text!r}.") from None
    if abs(value) > LARGEST_INTEGER:
        raise ValidationException(f"{member} of hyperparameter {name} must be within ±2^53, not {text}.")
    return value


def _continuous(document: Document) -> Continuous:
    name = document["Name"]
    low, high = (_real(name, member, document[member]) for member in ("MinValue", "MaxValue"))
    return Continuous(name, low, high, _scaling(document, low, high, whole=False))


def _real(name: str, member: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= 1e300:  # a range of twice that has no width as a float
        raise ValidationException(f"{member} of hyperparameter {name} must be a number, not {text!r}.")
    return value


def _scaling(document: Document, low: float, high: float, *, whole: bool) -> Scaling:
    """Check a numeric range against its scale."""
    name, word = document["Name"], document.get("ScalingType", "Auto")
    if low > high:
        raise ValidationException(
            f"MinValue of hyperparameter {name}, {document['MinValue']}, must not be more than MaxValue, "
            f"{document['MaxValue']}."
        )
    if word == "Auto":
        return automatic(low, high)
    scaling = Scaling(word)
    if scaling is Scaling.LOGARITHMIC and low <= 0:
        raise ValidationException(
            f"MinValue of hyperparameter {name}, {document['MinValue']}, must be more than 0 for ScalingType "
            "Logarithmic."
        )
    if scaling is Scaling.REVERSE_LOGARITHMIC:
        if whole:
            raise ValidationException(
                f"ScalingType ReverseLogarithmic of hyperparameter {name} is for continuous ranges alone."
            )
        if low < 0 or high >= 1:
            raise ValidationException(
                f"The range of hyperparameter {name}, {document['MinValue']} to {document['MaxValue']}, must lie "
                "within 0 <= x < 1 for ScalingType ReverseLogarithmic."
            )
    return scaling


def _categorical(document: Document) -> Categorical:
    name, values = document["Name"], tuple(document["Values"])
    if not 1 <= len(values) <= MOST_VALUES:
        raise ValidationException(
            f"The number of values of hyperparameter {name}, {len(values)}, must be from 1 to {MOST_VALUES}."
        )
    if len(set(values)) < len(values):
        raise ValidationException(f"The values of hyperparameter {name} must differ from one another.")
    return Categorical(name, values)


def _check_grid(spaces: Sequence[Space]) -> None:
    for each in (parameter for space in spaces for parameter in space.parameters):
        if not isinstance(each, Categorical):
            raise ValidationException(
                f"Strategy Grid takes categorical ranges alone; hyperparameter {each.name} is numeric."
            )


def _limits(document: Document, strategy: Strategy, spaces: Sequence[Space]) -> Limits:
    """Check the limits; a grid has as many training jobs as it has points."""
    jobs, parallel = document.get("MaxNumberOfTrainingJobs"), document["MaxParallelTrainingJobs"]
    most = MOST_RANDOM_JOBS if strategy is Strategy.RANDOM else MOST_JOBS
    if strategy is Strategy.GRID:
        points = sum(space.size or 0 for space in spaces)
        if points > most:
            raise ValidationException(f"The grid has {points} points; Strategy Grid takes at most {most}.")
        if jobs is not None and jobs != points:
            raise ValidationException(
                f"MaxNumberOfTrainingJobs, {jobs}, must be left out or be {points}, the number of points of the grid."
            )
        jobs = points
    if jobs is None:
        jobs = most
    if jobs > most:
        raise ValidationException(
            f"MaxNumberOfTrainingJobs, {jobs}, must be at most {most} for Strategy {strategy.value}."
        )
    if parallel > MOST_PARALLEL:
        raise ValidationException(f"MaxParallelTrainingJobs, {parallel}, must be at most {MOST_PARALLEL}.")
    return Limits(jobs, parallel, document.get("MaxRuntimeInSeconds"))


def _criteria(document: Document, definitions: Sequence[Definition]) -> Criteria:
    """Read the completion criteria; they compare objectives, so all definitions must have the same."""
    target = document.get("TargetObjectiveMetricValue")
    objectives = {(each.metric, each.goal) for each in definitions}
    if document and len(objectives) > 1:
        raise ValidationException(
            "TuningJobCompletionCriteria needs the same objective metric and type in all TrainingJobDefinitions."
        )
    if target is not None and not math.isfinite(target):
        raise ValidationException(f"TargetObjectiveMetricValue must be a number, not {target}.")
    return Criteria(
        target=None if target is None else definitions[0].goal.loss(target),
        not_improving=(document.get("BestObjectiveNotImproving") or {}).get("MaxNumberOfTrainingJobsNotImproving"),
        on_convergence=(document.get("ConvergenceDetected") or {}).get("CompleteOnConvergence") == "Enabled",
    )
