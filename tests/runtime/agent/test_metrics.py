"""Values are found in lines, and no expression of the user's can hold the job up."""

import json
import re
import time
from pathlib import Path

import pytest

from sagewright_runtime.agent import metrics as module
from sagewright_runtime.agent.metrics import Metrics

EVIL = r"^(a+)+$"


def test_each_definition_is_looked_for_in_each_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics([("loss", r"loss=(\S+)"), ("auc", r"auc: ([0-9.]+)")], str(path))
    assert metrics.match(["loss=1 auc: 0.5", "nothing", "loss=-2e-3"], 5.0) == []
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert found == [
        {"name": "loss", "value": 1.0, "at": 5.0},
        {"name": "loss", "value": -0.002, "at": 5.0},
        {"name": "auc", "value": 0.5, "at": 5.0},
    ]


def test_tabs_match_as_themselves_and_as_syslog_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics([("a", r"#011rmse:([0-9.]+)"), ("b", r"\trmse:([0-9.]+)")], str(path))
    metrics.match(["[1]\trmse:0.5"], 1.0)
    assert [json.loads(line)["name"] for line in path.read_text().splitlines()] == ["a", "b"]


@pytest.mark.parametrize("text", ["none", "nan", "inf", "1.2.3", ""])
def test_what_is_no_number_is_no_value(tmp_path: Path, text: str) -> None:
    path = tmp_path / "metrics.jsonl"
    assert Metrics([("loss", r"loss=(\S*)")], str(path)).match([f"loss={text}"], 1.0) == []
    assert not path.exists()


def test_an_endless_expression_is_interrupted_and_then_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics([("evil", EVIL), ("loss", r"loss=(\S+)")], str(path))
    started = time.monotonic()
    warnings = [warning for n in range(100) for warning in metrics.match(["a" * 40 + f"! loss={n}"], 1.0)]
    assert time.monotonic() - started < 10
    assert warnings == ["metric 'evil' is off: its regular expression takes too long"]
    assert len(path.read_text().splitlines()) == 100


def test_a_wrong_expression_is_told_once(tmp_path: Path) -> None:
    metrics = Metrics([("broken", "((")], str(tmp_path / "metrics.jsonl"))
    assert "'broken' is off" in metrics.match(["x"], 1.0)[0]
    assert metrics.match(["x"], 1.0) == []


def test_values_without_an_end_do_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10_000)
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics([("a", r"a=(\d+)")], str(path))
    warnings = [warning for number in range(2000) for warning in metrics.match([f"a={number}"], 1.0)]
    assert path.stat().st_size < 11_000
    assert len(warnings) == 1
    assert "metrics are off" in warnings[0]


def test_many_values_of_one_moment_become_one_statistic(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics([("loss", r"loss=(\S+)"), ("auc", r"auc=(\S+)")], str(path))
    metrics.match([*(f"loss={number}" for number in range(1000)), "auc=0.5", "auc=0.75"], 7.0)
    statistic = {"samples": 1000, "total": 499500.0, "minimum": 0.0, "maximum": 999.0}
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"name": "loss", "value": 999.0, "at": 7.0, **statistic},
        {"name": "auc", "value": 0.5, "at": 7.0},
        {"name": "auc", "value": 0.75, "at": 7.0},
    ]


def test_values_that_add_up_to_more_than_a_number_holds_are_left_out(tmp_path: Path) -> None:
    metrics = Metrics([("loss", r"loss=(\S+)")], str(tmp_path / "metrics.jsonl"))
    assert metrics.match(["loss=1e308"] * 100, 7.0) == []
    assert (tmp_path / "metrics.jsonl").read_text() == ""


def test_slow_expressions_use_up_a_budget_and_quick_ones_go_on(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics([("slow", EVIL), ("loss", r"loss=(\S+)")], str(path))
    length = next(n for n in range(10, 60) if _takes(n) > 0.02)  # never as long as what is interrupted
    warnings = metrics.match([f"{'a' * length}! loss={number}" for number in range(2000)], 1.0)
    assert warnings == ["metric 'slow' is looked for in some lines only: its regular expression takes long"]
    assert {json.loads(line)["name"] for line in path.read_text().splitlines()} == {"loss"}
    assert sum(json.loads(line).get("samples", 1) for line in path.read_text().splitlines()) == 2000


def test_matching_lets_its_caller_look_at_the_clock(tmp_path: Path) -> None:
    metrics = Metrics([("loss", r"loss=(\S+)")], str(tmp_path / "metrics.jsonl"))
    metrics.match([f"loss={number}" for number in range(100)], 1.0, seconds=0.0)
    assert metrics.waiting == 99
    metrics.match(["loss=last"], 2.0)
    assert metrics.waiting == 0


def _takes(length: int) -> float:
    started = time.process_time()
    re.search(EVIL, "a" * length + "!")
    return time.process_time() - started
