"""Experiment: what every noun promises."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.services.sagemaker.experiments.examples import EXPERIMENT

from sagewright.testing.nouns import NounCase


class TestExperiment(NounCase):
    kind = "Experiment"
    example = EXPERIMENT
    update: ClassVar[dict[str, Any]] = {"Description": "another"}
