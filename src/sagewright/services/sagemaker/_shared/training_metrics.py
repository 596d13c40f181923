"""The metrics that are read from a training job's log: the request's, and those that a built-in algorithm brings."""

from __future__ import annotations

from sagewright.backends.base import MetricDefinition
from sagewright.core import Json
from sagewright.environments.catalog import EnvironmentSpec, UnknownImage, resolve


def metric_definitions(spec: Json, environment: EnvironmentSpec) -> tuple[MetricDefinition, ...]:
    """The request's definitions; a built-in algorithm brings its documented ones."""
    own = spec["AlgorithmSpecification"].get("MetricDefinitions", ())
    given = {each["Name"]: each["Regex"] for each in own}
    if "sagemaker_program" not in spec.get("HyperParameters", {}):
        given = {**{metric.name: metric.regex for metric in environment.metrics}, **given}
    return tuple(MetricDefinition(name, regex) for name, regex in given.items())


def described_algorithm(spec: Json) -> Json:
    """The AlgorithmSpecification of a request as Describe says it, with the metrics that the algorithm brings."""
    algorithm: Json = spec["AlgorithmSpecification"]
    try:
        environment = resolve(algorithm["TrainingImage"])
    except UnknownImage:  # it was known when the job was made
        return algorithm
    definitions = [{"Name": each.name, "Regex": each.regex} for each in metric_definitions(spec, environment)]
    return {**algorithm, "MetricDefinitions": definitions} if definitions else algorithm
