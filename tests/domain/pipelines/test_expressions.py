"""Expressions are replaced by values; what has none says why."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.domain.pipelines.definition import PropertyFile
from sagewright.domain.pipelines.expressions import Context, FilesNeeded, Unresolvable, resolve

OUTPUTS = [{"OutputName": "report", "S3Output": {"S3Uri": "s3://b/out/"}}]
CONTEXT = Context(
    {"Text": "red", "Count": 3, "Rate": 0.5, "Flag": True},
    {"PipelineExecutionId": "abc"},
    {"TrialName": "trial"},
    {
        "P": {"ProcessingOutputConfig": {"Outputs": OUTPUTS}, "Empty": None},
        "T": {"FinalMetricDataList": [{"MetricName": "a:b", "Value": 0.25}], "Maps": {"k.1": "dotted"}},
    },
    {"P": {"F": PropertyFile("F", "report", "sub/report.json"), "G": PropertyFile("G", "other", "x")}},
    {"s3://b/out/sub/report.json": '{"m": {"v": [1, {"x.y": 2.5}]}, "n": null}', "s3://b/no": None, "s3://b/bad": "{"},
)


def json_get(path: str, uri: Any = None) -> dict[str, Any]:
    file = {"PropertyFile": {"Get": "Steps.P.PropertyFiles.F"}} if uri is None else {"S3Uri": uri}
    return {"Std:JsonGet": {**file, "Path": path}}


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Get": "Parameters.Count"}, 3),
        ({"a": [{"Get": "Parameters.Flag"}, 1]}, {"a": [True, 1]}),
        ({"Get": "Execution.PipelineExecutionId"}, "abc"),
        ({"Get": "PipelineExperimentConfig.TrialName"}, "trial"),
        ({"Get": "Steps.P.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri"}, "s3://b/out/"),
        ({"Get": 'Steps.P.ProcessingOutputConfig.Outputs["report"].S3Output.S3Uri'}, "s3://b/out/"),
        ({"Get": "Steps.P.ProcessingOutputConfig.Outputs[0].OutputName"}, "report"),
        ({"Get": "Steps.T.FinalMetricDataList['a:b'].Value"}, 0.25),
        ({"Get": "Steps.T.Maps['k.1']"}, "dotted"),
        (
            {"Std:Join": {"On": "/", "Values": ["s3:/", {"Get": "Parameters.Text"}, 1, {"Get": "Parameters.Rate"}]}},
            "s3://red/1/0.5",
        ),
        ({"Std:Join": {"Values": [{"Get": "Parameters.Flag"}]}}, "true"),
        (
            {"Std:Join": {"On": "-", "Values": [{"Std:Join": {"On": "", "Values": ["a", "b"]}}, json_get("m.v[0]")]}},
            "ab-1",
        ),
        (json_get("m.v[1]['x.y']"), 2.5),
        (json_get("$.m.v[0]"), 1),
        (json_get("n", "s3://b/out/sub/report.json"), None),
        (json_get("m.v[0]", {"Std:Join": {"On": "/", "Values": ["s3://b/out", "sub/report.json"]}}), 1),
    ],
)
def test_values(value: Any, resolved: Any) -> None:
    assert resolve(value, CONTEXT) == resolved


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"Get": "Steps.P.ProcessingOutputConfig.Outputs['x'].S3Output"}, "there is no x"),
        ({"Get": "Steps.P.ProcessingOutputConfig.Outputs[4]"}, "there is no [4]"),
        ({"Get": "Steps.Q.X"}, "'Steps.Q.X' has no value here"),
        ({"Get": "Execution.TrainingJobName"}, "has no value here"),
        ({"Std:Join": {"Values": [{"Get": "Steps.P.Empty"}]}}, "was given something else"),
        (json_get("m.w"), "has no value at 'm.w': there is no w"),
        (json_get("a", "s3://b/no"), "the file s3://b/no is not there"),
        (json_get("a", "s3://b/bad"), "the file s3://b/bad is not JSON"),
        (json_get("a", 5), "is no text"),
        ({"Std:JsonGet": {"PropertyFile": {"Get": "Steps.P.PropertyFiles.G"}, "Path": "a"}}, "has no output 'other'"),
    ],
)
def test_what_has_no_value_says_why(value: Any, sentence: str) -> None:
    with pytest.raises(Unresolvable) as refusal:
        resolve(value, CONTEXT)
    assert sentence in str(refusal.value)


def test_all_files_that_are_needed_are_named_at_once() -> None:
    with pytest.raises(FilesNeeded) as needed:
        resolve([json_get("a", "s3://b/1"), json_get("m"), {"x": json_get("a", "s3://b/2")}], CONTEXT)
    assert needed.value.uris == {"s3://b/1", "s3://b/2"}
