"""Requests that name every member that is honoured, in the order in which they can be made.

``tests/contract/test_members.py`` carries them out and notes what is read. Objects at S3 URIs are made beforehand.
"""

from __future__ import annotations

from typing import Any

from tests.kit.jobs import ROLE

TAGS = [{"Key": "k", "Value": "v"}]
CUSTOM = "123456789012.dkr.ecr.us-east-1.amazonaws.com/custom:1"
RESOURCES = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}}
OUTPUT = {"MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://example/out", "LocalPath": "/opt/ml/processing/output"}}]}
INPUT = {"EndpointInput": {"EndpointName": "example", "LocalPath": "/opt/ml/processing/input"}}
TRUTH = {"GroundTruthS3Input": {"S3Uri": "s3://example/truth"}}


def job_definition(kind: str, specification: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """What creates a monitoring job definition."""
    return {
        "JobDefinitionName": "example",
        f"{kind}AppSpecification": {"ImageUri": CUSTOM, **specification},
        f"{kind}JobInput": {**INPUT, **more},
        f"{kind}JobOutputConfig": OUTPUT,
        "JobResources": RESOURCES,
        "RoleArn": ROLE,
        "Tags": TAGS,
    }


ANALYSIS = {"ConfigUri": "s3://example/analysis.json"}
JOB_DEFINITIONS: dict[str, dict[str, Any]] = {
    "DataQuality": job_definition("DataQuality", {}, {}),
    "ModelQuality": job_definition("ModelQuality", {"ProblemType": "Regression"}, TRUTH),
    "ModelBias": job_definition("ModelBias", ANALYSIS, TRUTH),
    "ModelExplainability": job_definition("ModelExplainability", ANALYSIS, {}),
}

STUDIO_LIFECYCLE_CONFIG: dict[str, Any] = {
    "StudioLifecycleConfigName": "example",
    "StudioLifecycleConfigContent": "ZWNobyBoZWxsbwo=",
    "StudioLifecycleConfigAppType": "JupyterLab",
    "Tags": TAGS,
}
APP_IMAGE_CONFIG: dict[str, Any] = {
    "AppImageConfigName": "example",
    "JupyterLabAppImageConfig": {"FileSystemConfig": {"MountPath": "/home"}},
    "Tags": TAGS,
}
IMAGE: dict[str, Any] = {"ImageName": "example", "RoleArn": ROLE, "Description": "text", "Tags": TAGS}
IMAGE_VERSION: dict[str, Any] = {
    "ImageName": "example",
    "BaseImage": CUSTOM,
    "ClientToken": "one",
    "Processor": "CPU",
}
HUMAN_TASK_UI: dict[str, Any] = {
    "HumanTaskUiName": "example",
    "UiTemplate": {"Content": "<p>Which is it?</p>"},
    "Tags": TAGS,
}
WORKFORCE: dict[str, Any] = {
    "WorkforceName": "example",
    "SourceIpConfig": {"Cidrs": ["10.0.0.0/8"]},
    "Tags": TAGS,
}
WORKTEAM: dict[str, Any] = {
    "WorkteamName": "example",
    "WorkforceName": "example",
    "Description": "text",
    "MemberDefinitions": [{"OidcMemberDefinition": {"Groups": ["annotators"]}}],
    "Tags": TAGS,
}

EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    *((f"Create{kind}JobDefinition", request) for kind, request in JOB_DEFINITIONS.items()),
    ("CreateStudioLifecycleConfig", STUDIO_LIFECYCLE_CONFIG),
    ("CreateAppImageConfig", APP_IMAGE_CONFIG),
    (
        "UpdateAppImageConfig",
        {"AppImageConfigName": "example", "JupyterLabAppImageConfig": {"FileSystemConfig": {"DefaultUid": 0}}},
    ),
    ("CreateImage", IMAGE),
    ("CreateImageVersion", {**IMAGE_VERSION, "Aliases": ["latest"]}),
    ("UpdateImage", {"ImageName": "example", "DisplayName": "Example", "DeleteProperties": ["Description"]}),
    (
        "UpdateImageVersion",
        {
            "ImageName": "example",
            "Version": 1,
            "AliasesToAdd": ["stable"],
            "AliasesToDelete": ["latest"],
            "ReleaseNotes": "text",
        },
    ),
    ("UpdateImageVersion", {"ImageName": "example", "Alias": "stable", "Horovod": True}),
    ("CreateHumanTaskUi", HUMAN_TASK_UI),
    ("CreateWorkforce", WORKFORCE),
    ("UpdateWorkforce", {"WorkforceName": "example", "SourceIpConfig": {"Cidrs": ["10.1.0.0/16"]}}),
    ("CreateWorkteam", WORKTEAM),
    ("UpdateWorkteam", {"WorkteamName": "example", "Description": "other"}),
]
