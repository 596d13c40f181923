"""The table of step types is held to botocore's model."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.validate import ParamValidator

from sagewright.domain.pipelines import kinds

MODEL = botocore.session.get_session().get_service_model("sagemaker")


@pytest.mark.parametrize("step_type", kinds.KINDS)
def test_step_types_are_as_the_model_says(step_type: str) -> None:
    kind = kinds.KINDS[step_type]
    create, describe = MODEL.operation_model(kind.create), MODEL.operation_model(kind.describe)
    name = create.input_shape.members[kind.name]
    assert kind.longest <= int(name.metadata["max"])
    assert {kind.name, kind.arn} <= set(describe.output_shape.members)
    assert kind.arn in create.output_shape.members
    assert kind.name in describe.input_shape.members
    if kind.status is not None:
        assert set(kind.words) <= set(describe.output_shape.members[kind.status].enum)
    if kind.stops:
        assert kind.name in MODEL.operation_model(kind.stop).input_shape.members
    step_shape = (
        MODEL.operation_model("ListPipelineExecutionSteps").output_shape.members["PipelineExecutionSteps"].member
    )
    assert kind.metadata in step_shape.members["Metadata"].members
    assert ("ExperimentConfig" in create.input_shape.members) == kind.experiment


def test_questions_are_calls_of_the_model() -> None:
    config = {"HyperParameterTuningJobConfig": {"HyperParameterTuningJobObjective": {"Type": "Minimize"}}}
    for step_type in kinds.KINDS:
        for question in kinds.questions(step_type, "a-name", config):
            shape = MODEL.operation_model(question.operation).input_shape
            assert not ParamValidator().validate(dict(question.request), shape).has_errors()
    assert kinds.questions("Tuning", "t", config)[1].request["SortOrder"] == "Ascending"
    assert kinds.questions("Tuning", "t", {})[1].request["SortOrder"] == "Descending"
