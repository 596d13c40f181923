"""Entities of a lineage, for tests."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def artifact(sagemaker: Any, uri: str, kind: str = "DataSet", **more: Any) -> str:
    return str(sagemaker.create_artifact(Source={"SourceUri": uri}, ArtifactType=kind, **more)["ArtifactArn"])


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]
