"""Requests have the names that pipelines give, and are such as botocore's model takes; so are the lists."""

from __future__ import annotations

from dataclasses import replace

import botocore.session
import pytest
from botocore.validate import ParamValidator
from tests.domain.pipelines.world import EXECUTION, World, definition, step, written

from sagewright.domain.pipelines import listing, requests
from sagewright.domain.pipelines.execution import Create
from sagewright.domain.pipelines.shapes import fit

MODEL = botocore.session.get_session().get_service_model("sagemaker")


def valid(order: Create) -> None:
    shape = MODEL.operation_model(order.operation).input_shape
    report = ParamValidator().validate(fit(dict(order.request), shape), shape)
    assert not report.has_errors(), report.generate_report()
    for each in order.before:
        for operation, request in ((each.describe, each.wanted), (each.create, each.request)):
            shape = MODEL.operation_model(operation).input_shape
            assert not ParamValidator().validate(dict(request), shape).has_errors()


@pytest.mark.parametrize("name", ["v2_whole", "v2_tuning", "v2_functions", "v3_whole", "v3_functions"])
def test_requests_and_lists_of_whole_runs_are_as_the_model_says(name: str) -> None:
    world = World(written(name))
    world.read["s3://pipelines-tests/abcdefghijkl/report/report.json"] = '{"metrics": {"error": {"value": 0.25}}}'
    for step_name in ("Train", "Tune"):
        if step_name in world.pipeline.definition.steps:
            while step_name not in world.orders:
                for each, run in list(world.runs.items()):
                    if run.active:
                        world.end(each)
                world.turn()
            more = {
                "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
                "TrainingJobSummaries": [{"TrainingJobName": "t"}],
            }
            world.end(step_name, **more)
    world.run()
    assert world.orders
    for order in world.orders.values():
        valid(order)
    listed = listing.steps(world.pipeline.definition, world.runs)
    shape = MODEL.operation_model("ListPipelineExecutionSteps").output_shape
    report = ParamValidator().validate({"PipelineExecutionSteps": listed}, shape)
    assert not report.has_errors(), report.generate_report()
    shown = {each["StepName"]: each for each in listed}
    assert set(shown) == set(world.runs)
    members = shape.members["PipelineExecutionSteps"].member.members
    assert all(set(each) <= set(members) for each in listed)
    assert all(set(each.get("Metadata", {})) <= set(members["Metadata"].members) for each in listed)


def test_names_tell_what_made_them_and_are_short_enough() -> None:
    long = "A_" + "b" * 62
    steps = World(definition(step(long), step("T_1", "Tuning"), step("E", "Endpoint"))).pipeline.definition.steps
    name = requests.name(EXECUTION, steps[long], 1)
    assert len(name) == 63
    assert name.startswith("pipelines-abcdefghijkl-A-bbb")
    assert requests.name(EXECUTION, steps[long], 1) == name
    others = {requests.name(EXECUTION, steps[long], 2), requests.name(replace(EXECUTION, round=2), steps[long], 1)}
    assert len({name, *others}) == 3
    assert requests.name(EXECUTION, steps["T_1"], 1).startswith("abcdefghijkl-T-1-")
    assert len(requests.name(EXECUTION, steps["T_1"], 1)) <= 32
    assert requests.name(EXECUTION, steps[long], 1, "mine").startswith("mine-")
    assert requests.name(EXECUTION, steps["E"], 1, "mine") == "mine"


def test_a_package_without_a_group_is_named() -> None:
    steps = World(definition(step("R", "RegisterModel"))).pipeline.definition.steps
    order = requests.create(EXECUTION, steps["R"], 1, {}, {})
    assert order.request["ModelPackageName"] == order.name
    order = requests.create(EXECUTION, steps["R"], 1, {"ModelPackageGroupName": "g"}, {})
    assert "ModelPackageName" not in order.request
    assert [each.create for each in order.before] == ["CreateModelPackageGroup"]
    assert len(order.request["ClientToken"]) == 36
