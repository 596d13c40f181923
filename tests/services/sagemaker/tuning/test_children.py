"""Training jobs of a tuning job: their requests, and what is read from their rows."""

from __future__ import annotations

from tests.services.sagemaker.tuning.examples import EXAMPLES

from sagewright.domain.tuning.decision import decide
from sagewright.domain.tuning.job import Phase
from sagewright.services.sagemaker.tuning._children import OBJECTIVE, children, request_for, summary, tuning_job
from sagewright.store.resources import Resource


def row(name: str, spec: dict, phase: str = "running", **status: object) -> Resource:
    arn = f"arn:aws:sagemaker:r:1:x/{name}"
    return Resource(name, "1", "r", "X", name, arn, spec, status, {}, phase, {}, 10.0, 20.0, 1, None, phase)


def test_a_new_training_job_is_found_again_in_its_row() -> None:
    several = next(request for _, request in EXAMPLES if "TrainingJobDefinitions" in request)
    parent = row("search", several)
    job = tuning_job(parent)
    for new in decide(job, [], 11.0).create:
        request = request_for(parent, job, new)
        assert request["HyperParameters"][OBJECTIVE] == "loss"
        assert request["HyperParameters"]["sagemaker_program"] == "train.py"
        metrics = [{"MetricName": "loss", "Value": 0.5}]
        made = row(request["TrainingJobName"], request, "succeeded", FinalMetricDataList=metrics, TrainingEndTime=15.0)
        foreign = row("another", {})
        (child,) = children(job, [foreign, made])
        assert (child.number, child.definition, child.point) == (new.number, new.definition, new.point)
        assert (child.phase, child.result, child.ended) == (Phase.COMPLETED, 0.5, 15.0)
        said = summary(job, made, child)
        assert said["TrainingJobDefinitionName"] == ("one", "two")[new.definition]
        assert said["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 0.5
