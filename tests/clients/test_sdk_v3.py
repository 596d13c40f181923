"""The unmodified SageMaker SDK v3, in an environment of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow
Run = Callable[[str, str], dict[str, Any]]


def test_model_trainer_trains_and_model_builder_deploys(run_script: Run) -> None:
    summary = run_script("v3", "v3_train_and_deploy.py")
    assert summary["status"] == "Completed"
    assert summary["listed"]
    assert "strength=0.5 accuracy=0.9" in summary["log"], "the SDK shows what the script printed"
    assert summary["endpoint_status"] == "InService"
    assert summary["right"] > 0.9


def test_the_typed_resources_train_and_model_builder_deploys_a_built_in_algorithm(run_script: Run) -> None:
    summary = run_script("v3", "v3_builtin.py")
    assert summary["metrics"]["validation:merror"] < 0.1
    assert summary["right"] > 0.9


def test_processors_run_and_a_transformer_asks_a_model(run_script: Run) -> None:
    summary = run_script("v3", "v3_processing.py")
    ended = {"status": "Completed", "message": "150 rows", "rows": 50}
    assert summary["processed"] == {"script": ended, "framework": ended}
    assert summary["transform"] == "Completed"
    assert (summary["answers"], summary["count"]) == (["10"], 150)


def test_a_manifest_checkpoints_and_tensorboard_on_two_hosts(run_script: Run) -> None:
    assert run_script("v3", "v3_channels.py") == {
        "status": "Completed",
        "checkpoints": {"before": "x", "algo-1": "['0.csv', '2.csv'] ['before']", "algo-2": "['1.csv'] ['before']"},
        "board": ["events.algo-1", "events.algo-2"],
    }
