"""Requests that name every member that is honoured, in the order in which they can be made."""

from __future__ import annotations

from typing import Any

from sagewright.services.sagemaker.lineage.artifact import name_of

_PROPERTIES = {"Properties": {"k": "v"}}
_MADE = {"CommitId": "c", "Repository": "r", "GeneratedBy": "g", "ProjectId": "p"}
_SOURCE = {"SourceUri": "s3://example/lineage", "SourceType": "S3", "SourceId": "1"}

EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    (
        "CreateArtifact",
        {
            "ArtifactName": "data",
            "Source": {
                "SourceUri": "s3://example/lineage",
                "SourceTypes": [{"SourceIdType": "S3ETag", "Value": "e"}],
            },
            "ArtifactType": "DataSet",
            **_PROPERTIES,
            "MetadataProperties": _MADE,
            "Tags": [{"Key": "k", "Value": "v"}],
        },
    ),
    (
        "CreateAction",
        {
            "ActionName": "example",
            "Source": _SOURCE,
            "ActionType": "ModelDeployment",
            "Description": "d",
            "Status": "InProgress",
            **_PROPERTIES,
            "MetadataProperties": _MADE,
            "Tags": [{"Key": "k", "Value": "v"}],
        },
    ),
    (
        "CreateContext",
        {
            "ContextName": "example",
            "Source": _SOURCE,
            "ContextType": "Endpoint",
            "Description": "d",
            **_PROPERTIES,
            "Tags": [{"Key": "k", "Value": "v"}],
        },
    ),
    (
        "UpdateArtifact",
        {
            "ArtifactArn": f"arn:aws:sagemaker:us-east-1:123456789012:artifact/{name_of('s3://example/lineage')}",
            "ArtifactName": "n",
            "Properties": {"a": "b"},
            "PropertiesToRemove": ["k"],
        },
    ),
    (
        "UpdateAction",
        {
            "ActionName": "example",
            "Description": "e",
            "Status": "Completed",
            "Properties": {"a": "b"},
            "PropertiesToRemove": ["k"],
        },
    ),
    (
        "UpdateContext",
        {"ContextName": "example", "Description": "e", "Properties": {"a": "b"}, "PropertiesToRemove": ["k"]},
    ),
]
