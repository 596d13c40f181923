"""The monitoring job definitions: what every noun promises, and their one input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.services.sagemaker.records.examples import JOB_DEFINITIONS

from sagewright.testing.nouns import NounCase

Client = Callable[..., Any]


class TestDataQuality(NounCase):
    kind = "DataQualityJobDefinition"
    example = JOB_DEFINITIONS["DataQuality"]


class TestModelQuality(NounCase):
    kind = "ModelQualityJobDefinition"
    example = JOB_DEFINITIONS["ModelQuality"]


class TestModelBias(NounCase):
    kind = "ModelBiasJobDefinition"
    example = JOB_DEFINITIONS["ModelBias"]


class TestModelExplainability(NounCase):
    kind = "ModelExplainabilityJobDefinition"
    example = JOB_DEFINITIONS["ModelExplainability"]


def test_the_input_is_an_endpoints_or_a_transforms(client: Client) -> None:
    sagemaker, example = client("sagemaker"), JOB_DEFINITIONS["DataQuality"]
    batch = {
        "DataCapturedDestinationS3Uri": "s3://x/captured",
        "DatasetFormat": {"Csv": {"Header": True}},
        "LocalPath": "/opt/ml/processing/input",
    }
    of_batch = {**example, "JobDefinitionName": "batch", "DataQualityJobInput": {"BatchTransformInput": batch}}
    sagemaker.create_data_quality_job_definition(**of_batch)
    (listed,) = sagemaker.list_data_quality_job_definitions(NameContains="batch")["JobDefinitionSummaries"]
    assert (listed["MonitoringJobDefinitionName"], listed["EndpointName"]) == ("batch", "")
    both = {**example["DataQualityJobInput"], "BatchTransformInput": batch}
    nowhere = {"EndpointInput": {"EndpointName": "e", "LocalPath": "/tmp/input"}}
    for wrong, message in ((both, "needs either"), ({}, "needs either"), (nowhere, "has to begin with /opt/ml")):
        with pytest.raises(ClientError, match=message):
            sagemaker.create_data_quality_job_definition(**{**of_batch, "DataQualityJobInput": wrong})
    with pytest.raises(ClientError, match="Could not find job definition") as missing:
        sagemaker.describe_data_quality_job_definition(JobDefinitionName="nothere")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFound"
