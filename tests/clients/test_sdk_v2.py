"""The unmodified SageMaker SDK v2, in an environment of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.kit.run_metrics import new_component

from sagewright.store.database import sqlite_url
from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow
Run = Callable[[str, str], dict[str, Any]]


def test_a_scikit_learn_script_is_fitted_deployed_and_asked(run_script: Run) -> None:
    summary = run_script("v2", "v2_sklearn.py")
    assert summary["bucket"] == "sagemaker-us-east-1-123456789012"
    assert summary["uploaded"] == "s3://sagemaker-us-east-1-123456789012/v2-sklearn/iris.csv"
    assert summary["role"] == "arn:aws:iam::123456789012:role/SagewrightExecutionRole"
    assert summary["status"] == "Completed"
    assert summary["trail"][0] == "Starting"
    assert summary["trail"][-3:] == ["Training", "Uploading", "Completed"]
    assert "strength=0.5 accuracy=0.9" in summary["log"], "the SDK shows what the script printed"
    assert summary["metrics"]["accuracy"] > 0.9
    assert summary["artifacts"] == ["model.tar.gz", "output.tar.gz"]
    assert summary["right"] > 0.9
    assert summary["endpoint"] not in summary["endpoints"], "deleted"


def test_xgboost_is_a_built_in_algorithm_and_runs_scripts(run_script: Run) -> None:
    summary = run_script("v2", "v2_xgboost.py")
    assert summary["metric_names"] == ["validation:merror"]
    assert summary["final_error"] < 0.1
    assert summary["right"] > 0.9
    assert summary["script_status"] == "Completed"


def test_a_script_that_raises_names_the_users_own_line(run_script: Run) -> None:
    message = run_script("v2", "v2_failure.py")["message"]
    assert "broken.py" in message
    assert "return rows[3]" in message or "line 7" in message
    assert "IndexError: list index out of range" in message


def test_processors_run_and_a_transformer_joins_answers_to_rows(run_script: Run) -> None:
    summary = run_script("v2", "v2_processing.py")
    processed = summary["processed"]
    assert {name: each["status"] for name, each in processed.items()} == dict.fromkeys(processed, "Completed")
    assert "plain on algo-1" in processed["plain"]["log"]
    for each in (processed["script"], processed["framework"]):
        assert each["message"] == "150 rows"
        assert each["rows"] == {"train": 100, "test": 50}
    assert "rows=150 library=no library" in processed["script"]["log"]
    assert "rows=150 library=1,234,567" in processed["framework"]["log"], "requirements.txt needs no network"
    assert summary["transform"] == "Completed"
    assert "iris.csv: 150 records" in summary["transform_log"]
    assert summary["right"] > 0.9


def test_triggers_of_a_pipeline_are_put_described_and_deleted(run_script: Run) -> None:
    summary = run_script("v2", "v2_triggers.py")
    assert [arn.rpartition(":")[2] for arn in summary["arns"]] == [
        f"schedule/default/v2-{name}" for name in ("at", "cron", "rate")
    ]
    assert summary["described"]["v2-cron"] == "cron(15 3 ? * MON-FRI *)"
    assert summary["described"]["v2-rate"] == "rate(6 hours)"
    assert summary["states"] == {"v2-cron": "ENABLED", "v2-rate": "DISABLED", "v2-at": "ENABLED"}
    assert summary["start"]
    assert summary["role"]
    assert (len(summary["again"]), summary["updated"]) == (1, "rate(1 day)")
    assert "ValidationException" in summary["wrong"]
    assert "minutes '99'" in summary["wrong"]
    assert summary["left"] == 0


def test_a_manifest_is_spread_over_two_hosts_and_checkpoints_go_on(run_script: Run) -> None:
    summary = run_script("v2", "v2_channels.py")
    assert summary["shares"] == {"algo-1.json": ["0.csv", "2.csv", "4.csv"], "algo-2.json": ["1.csv", "3.csv"]}
    shuffled = summary["shuffled"]
    assert sorted(name for names in shuffled.values() for name in names) == [f"{number}.csv" for number in range(5)]
    assert shuffled != summary["shares"]
    assert summary["restored"] == [
        ["algo-1 restored []", "algo-2 restored []"],
        [f"algo-{host} restored ['algo-1-0', 'algo-2-0']" for host in (1, 2)],
    ]
    assert summary["checkpoints"] == ["algo-1-0", "algo-1-2", "algo-2-0", "algo-2-2"]


def test_what_public_notebooks_do(run_script: Run) -> None:
    """A remote function in a named image, attach, a Parquet channel, models by https, one pickled by XGBoost 0.90."""
    summary = run_script("v2", "v2_public_code.py")
    assert summary["remote"] == 42
    assert summary["attached"]
    assert summary["right"] > 0.9
    assert summary["old"] == pytest.approx([0.408223956823349, 0.7169694304466248], abs=1e-6)


def test_the_metrics_manager_of_experiments_logs_to_a_trial_component(run_script: Run, server: ServerProcess) -> None:
    new_component(sqlite_url(server.data_dir), name="v2-run")
    summary = run_script("v2", "v2_run_metrics.py")
    assert summary["losses"] == {str(step): 1 / (step + 1) for step in range(25)}
    assert (summary["seconds"], summary["longest"]) == (25, 12.0)
    assert summary["refused"] == '1 errors with error code "VALIDATION_ERROR"'


def test_versions_are_registered_and_an_approved_one_is_deployed(run_script: Run) -> None:
    summary = run_script("v2", "v2_registry.py")
    assert summary["group"] == ["v2-registry"]
    assert summary["latest"].endswith(":model-package/v2-registry/2")
    assert summary["properties"] == {"owner": "tests", "stage": "trial"}
    assert summary["metrics"]["ModelQuality"]["Statistics"]["ContentType"] == "application/json"
    assert (summary["before"], summary["approved"]) == ("PendingManualApproval", "Approved"), "the SDK approves"
    assert summary["right"] > 0.9
    assert summary["card"] == "second"
    assert summary["versions"] == [2, 1]


def test_a_tuner_searches_and_its_best_model_is_deployed(run_script: Run) -> None:
    summary = run_script("v2", "v2_tuning.py")
    assert summary["status"] == "Completed"
    assert summary["counters"]["Completed"] == 4
    assert {"eta", "max_depth", "FinalObjectiveValue"} <= set(summary["columns"])
    assert summary["best_loss"] == summary["losses"][0]
    assert len(set(summary["losses"])) == 4
    assert len(summary["answer"].split()) == 2


def test_a_pipeline_runs_decides_registers_and_runs_again_from_its_cache(run_script: Run) -> None:
    summary = run_script("v2", "v2_pipeline.py")
    jobs = ["Evaluate", "Prepare", "Train"]
    first, second, third = summary["first"], summary["second"], summary["third"]
    assert (first["status"], first["outcome"], first["cached"]) == ("Succeeded", "True", []), first
    assert set(first["steps"]) == {*jobs, "Check", "Register-RegisterModel", "Create-CreateModel"}
    assert (second["status"], second["cached"]) == ("Succeeded", jobs), second
    assert (third["status"], third["outcome"], third["reason"]) == ("Failed", "False", "accuracy is below 0.99"), third
    assert summary["packages"] == 2
