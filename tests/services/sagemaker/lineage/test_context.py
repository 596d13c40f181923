"""Contexts, as every noun."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.services.sagemaker.lineage.examples import EXAMPLES

from sagewright.testing.nouns import NounCase


class TestContext(NounCase):
    kind = "Context"
    example: ClassVar[dict[str, Any]] = next(request for name, request in EXAMPLES if name == "CreateContext")
    update: ClassVar[dict[str, Any]] = {"Description": "new"}
