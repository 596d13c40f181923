"""A request for each noun of the area, with every member; the first is the ``example`` of the noun's ``NounCase``."""

from __future__ import annotations

from typing import Any

BEGIN, MINUTE = 1_700_000_000, 60
TAGS = [{"Key": "k", "Value": "v"}]
METADATA = {"CommitId": "abc", "Repository": "r", "GeneratedBy": "g", "ProjectId": "p"}
EXPERIMENT: dict[str, Any] = {
    "ExperimentName": "example",
    "DisplayName": "An-example",
    "Description": "text",
    "Tags": TAGS,
}
TRIAL: dict[str, Any] = {
    "TrialName": "example",
    "DisplayName": "An-example",
    "ExperimentName": "example",
    "MetadataProperties": METADATA,
    "Tags": TAGS,
}
COMPONENT: dict[str, Any] = {
    "TrialComponentName": "example",
    "DisplayName": "An-example",
    "Status": {"PrimaryStatus": "InProgress", "Message": "text"},
    "StartTime": BEGIN,
    "EndTime": BEGIN + MINUTE,
    "Parameters": {"rate": {"NumberValue": 0.5}, "optimizer": {"StringValue": "adam"}},
    "InputArtifacts": {"data": {"MediaType": "text/csv", "Value": "s3://bucket/data.csv"}},
    "OutputArtifacts": {"model": {"Value": "s3://bucket/model.tar.gz"}},
    "MetadataProperties": METADATA,
    "Tags": TAGS,
}
EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("CreateExperiment", EXPERIMENT),
    ("UpdateExperiment", {"ExperimentName": "example", "DisplayName": "Another", "Description": "more"}),
    ("CreateTrial", TRIAL),
    ("UpdateTrial", {"TrialName": "example", "DisplayName": "Another"}),
    ("CreateTrialComponent", COMPONENT),
    (
        "UpdateTrialComponent",
        {
            "TrialComponentName": "example",
            "DisplayName": "Another",
            "Status": {"PrimaryStatus": "Completed", "Message": "done"},
            "StartTime": BEGIN + MINUTE,
            "EndTime": BEGIN + 2 * MINUTE,
            "Parameters": {"depth": {"NumberValue": 3.0}},
            "ParametersToRemove": ["rate"],
            "InputArtifacts": {"more": {"MediaType": "text/csv", "Value": "s3://bucket/more.csv"}},
            "InputArtifactsToRemove": ["data"],
            "OutputArtifacts": {"plot": {"MediaType": "image/png", "Value": "s3://bucket/plot.png"}},
            "OutputArtifactsToRemove": ["model"],
        },
    ),
]
