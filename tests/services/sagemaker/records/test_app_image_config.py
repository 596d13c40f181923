"""AppImageConfig: what every noun promises, for one kind of app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from tests.services.sagemaker.records.examples import APP_IMAGE_CONFIG

from sagewright.testing.nouns import NounCase

Client = Callable[..., Any]


class TestAppImageConfig(NounCase):
    kind = "AppImageConfig"
    example = APP_IMAGE_CONFIG
    update: ClassVar[dict[str, Any]] = {"JupyterLabAppImageConfig": {"FileSystemConfig": {"DefaultUid": 0}}}


def test_a_config_is_of_one_kind_of_app(client: Client) -> None:
    sagemaker = client("sagemaker")
    sagemaker.create_app_image_config(**{**APP_IMAGE_CONFIG, "AppImageConfigName": "one"})
    with pytest.raises(ClientError, match="of one kind of app"):
        sagemaker.update_app_image_config(AppImageConfigName="one", CodeEditorAppImageConfig={})
