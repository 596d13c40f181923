"""CodeRepository: what every noun promises, and that an update changes the secret alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tests.services.sagemaker.notebooks.examples import CODE_REPOSITORY, SECRET

from sagewright.testing.nouns import NounCase


class TestCodeRepository(NounCase):
    kind = "CodeRepository"
    example = CODE_REPOSITORY
    update: ClassVar[dict[str, Any]] = {"GitConfig": {"SecretArn": f"{SECRET}2"}}


def test_an_update_keeps_the_repository(client: Callable[..., Any]) -> None:
    sagemaker = client("sagemaker")
    sagemaker.create_code_repository(**{**CODE_REPOSITORY, "CodeRepositoryName": "kept"})
    sagemaker.update_code_repository(CodeRepositoryName="kept", GitConfig={"SecretArn": f"{SECRET}3"})
    found = sagemaker.describe_code_repository(CodeRepositoryName="kept")
    assert found["GitConfig"] == {**CODE_REPOSITORY["GitConfig"], "SecretArn": f"{SECRET}3"}
    assert found["LastModifiedTime"] > found["CreationTime"]
