"""HumanTaskUi: what every noun promises, with the digest of its template."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, ClassVar

from tests.services.sagemaker.records.examples import HUMAN_TASK_UI

from sagewright.testing.nouns import NounCase

Client = Callable[..., Any]


class TestHumanTaskUi(NounCase):
    kind = "HumanTaskUi"
    example: ClassVar[dict[str, Any]] = HUMAN_TASK_UI

    def test_describe_shows_what_was_created(self, api: Any) -> None:
        described = api.describe(*api.create())
        digest = hashlib.sha256(HUMAN_TASK_UI["UiTemplate"]["Content"].encode()).hexdigest()
        assert described["UiTemplate"] == {"ContentSha256": digest}
        assert described["HumanTaskUiStatus"] == "Active"
