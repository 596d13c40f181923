"""NotebookInstanceLifecycleConfig: what every noun promises, and that scripts are text in base64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from tests.services.sagemaker.notebooks.examples import LIFECYCLE_CONFIG, SCRIPT

from sagewright.testing.nouns import NounCase


class TestNotebookInstanceLifecycleConfig(NounCase):
    kind = "NotebookInstanceLifecycleConfig"
    example = LIFECYCLE_CONFIG
    update: ClassVar[dict[str, Any]] = {"OnStart": [{"Content": SCRIPT[:8]}]}


@pytest.mark.parametrize("content", ["echo hello", "/w=="])
def test_a_script_that_is_no_text_in_base64_is_refused(client: Callable[..., Any], content: str) -> None:
    with pytest.raises(ClientError, match="The Content of script 1 of OnStart is not text in base64"):
        client("sagemaker").create_notebook_instance_lifecycle_config(
            NotebookInstanceLifecycleConfigName="refused", OnStart=[{"Content": content}]
        )
