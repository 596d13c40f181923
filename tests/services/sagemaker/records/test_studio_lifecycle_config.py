"""StudioLifecycleConfig: what every noun promises, and that a script is in base64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.services.sagemaker.records.examples import STUDIO_LIFECYCLE_CONFIG

from sagewright.testing.nouns import NounCase

Client = Callable[..., Any]


class TestStudioLifecycleConfig(NounCase):
    kind = "StudioLifecycleConfig"
    example = STUDIO_LIFECYCLE_CONFIG


@pytest.mark.parametrize("content", ["echo hello", "ZWNobyBoZWxsbwo", "ärger"])
def test_what_is_no_base64_is_refused(client: Client, content: str) -> None:
    request = {**STUDIO_LIFECYCLE_CONFIG, "StudioLifecycleConfigName": "bad", "StudioLifecycleConfigContent": content}
    with pytest.raises(ClientError, match="has to be a script encoded as base64"):
        client("sagemaker").create_studio_lifecycle_config(**request)
