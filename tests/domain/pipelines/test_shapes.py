"""Values take the types of a request's shape."""

from __future__ import annotations

import botocore.session

from sagewright.domain.pipelines.shapes import fit

MODEL = botocore.session.get_session().get_service_model("sagemaker")


def test_values_take_the_types_of_the_shape() -> None:
    shape = MODEL.operation_model("CreateTrainingJob").input_shape
    given = {
        "HyperParameters": {"rounds": 5, "flag": True},
        "ResourceConfig": {"InstanceCount": "2", "VolumeSizeInGB": 30.0, "InstanceType": 5},
        "EnableNetworkIsolation": "true",
        "AlgorithmSpecification": {"ContainerArguments": [1.5, "a"]},
        "Unknown": 1,
        "StoppingCondition": {"MaxRuntimeInSeconds": "soon"},
    }
    assert fit(given, shape) == {
        "HyperParameters": {"rounds": "5", "flag": "true"},
        "ResourceConfig": {"InstanceCount": 2, "VolumeSizeInGB": 30, "InstanceType": "5"},
        "EnableNetworkIsolation": True,
        "AlgorithmSpecification": {"ContainerArguments": ["1.5", "a"]},
        "Unknown": 1,
        "StoppingCondition": {"MaxRuntimeInSeconds": "soon"},
    }
