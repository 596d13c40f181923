"""The built-in XGBoost, run as a job runs it, against xgboost called directly."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.kit.training_cases import CHANNEL, ONE

import sagewright_runtime
from sagewright.environments.catalog import named

TRAIN = Path(sagewright_runtime.__file__).parent / "bin/train"
CSV = {"ContentType": "text/csv;label_size=1"}
LIBSVM = {"ContentType": "text/libsvm"}
# label, then five features; the label depends on the first two
ROWS = [
    [int(i * 37 % 101 + i * 17 % 53 > 75), i * 37 % 101, i * 17 % 53, i * 29 % 97 / 8, i * 13 % 11, i % 7]
    for i in range(300)
]

pytestmark = pytest.mark.slow


@dataclass
class Job:
    """An ``/opt/ml`` and the environment that runs in it."""

    base: Path
    root: Path
    hyperparameters: dict[str, str] = field(default_factory=lambda: {"num_round": "3"})
    channels: dict[str, dict[str, str]] = field(default_factory=dict)
    resources: dict[str, Any] = field(default_factory=lambda: ONE)

    def put(self, channel: str, files: dict[str, str], **config: str) -> None:
        self.channels[channel] = {**CHANNEL, **config}
        for name, text in files.items():
            path = self.base / "input/data" / channel / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def lay_out(self) -> None:
        config = self.base / "input/config"
        for folder in (config, self.base / "output", *(self.base / "input/data" / name for name in self.channels)):
            folder.mkdir(parents=True, exist_ok=True)
        (config / "hyperparameters.json").write_text(json.dumps(self.hyperparameters))
        (config / "inputdataconfig.json").write_text(json.dumps(self.channels))
        (config / "resourceconfig.json").write_text(json.dumps(self.resources))

    def start(self) -> subprocess.Popen[str]:
        self.lay_out()
        path = f"{TRAIN.parent}:{self.root}/bin:{os.environ['PATH']}"
        env = {"PATH": path, "SAGEMAKER_BASE_DIR": str(self.base), "SAGEWRIGHT_ALGORITHM": "xgboost"}
        return subprocess.Popen(["train"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self) -> tuple[int, str, str]:
        process = self.start()
        out, err = process.communicate(timeout=240)
        return process.returncode, out, err

    def directly(self, program: str) -> dict[str, Any]:
        """What a program that calls xgboost itself prints as JSON; ``model`` is the job's, ``D`` channels' matrices."""
        setup = f"""
            import json, warnings
            warnings.simplefilter("ignore")
            import numpy as np, pandas as pd, xgboost as xgb
            from pathlib import Path
            base = Path({str(self.base)!r})
            def D(channel):
                files = sorted((base / "input/data" / channel).rglob("*.csv"))
                rows = pd.concat([pd.read_csv(file, header=None) for file in files])
                return xgb.DMatrix(rows.iloc[:, 1:].to_numpy(), label=rows[0])
            model = xgb.Booster(model_file=str(base / "model/xgboost-model"))
            def same(a, b, m):
                return bool((a.predict(m) == b.predict(m)).all()) and a.num_boosted_rounds() == b.num_boosted_rounds()
        """
        source = textwrap.dedent(setup) + textwrap.dedent(program)
        done = subprocess.run([self.root / "bin/python", "-c", source], capture_output=True, text=True, check=True)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


def csv(rows: list[list[float]]) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


def libsvm(rows: list[list[float]], weight: str = "") -> str:
    return "".join(
        f"{label}{weight} " + " ".join(f"{i}:{v}" for i, v in enumerate(features, 1) if v) + "\n"
        for label, *features in rows
    )


@pytest.fixture(scope="module")
def refusal(environment: Callable[[str], Path]) -> Iterator[Callable[[Job], str]]:
    """What the algorithm refuses a job with; one process answers for all, because importing xgboost takes seconds."""
    program = """
import json, sys
from sagewright_runtime.algorithms.xgboost.train import train
from sagewright_runtime.training.environment import Training
from sagewright_runtime.training.failures import ClientError
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    try:
        train(Training({"SAGEMAKER_BASE_DIR": line.strip()}))
        answer = ""
    except ClientError as error:
        answer = str(error)
    print(json.dumps(answer), file=answers, flush=True)
"""
    env = {"PYTHONPATH": str(TRAIN.parents[2]), "PATH": os.environ["PATH"]}
    command = [environment("xgboost-3.0-5") / "bin/python", "-c", program]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(job: Job) -> str:
            job.lay_out()
            process.stdin.write(f"{job.base}\n")
            process.stdin.flush()
            answer: str = json.loads(process.stdout.readline())
            return answer

        yield ask
        process.stdin.close()


@pytest.fixture
def job(tmp_path: Path, environment: Callable[[str], Path]) -> Job:
    return Job(tmp_path, environment("xgboost-3.0-5"))


@pytest.mark.parametrize("version", ["3.2-0", "3.0-5", "1.7-1"])
def test_equals_xgboost(version: str, tmp_path: Path, environment: Callable[[str], Path]) -> None:
    job = Job(tmp_path, environment(f"xgboost-{version}"))
    job.hyperparameters = {
        "num_round": "8", "objective": "binary:logistic", "max_depth": "3", "eta": "0.2", "subsample": "0.8",
        "seed": "7", "eval_metric": "error,auc", "sagemaker_job_name": '"x"',
    }  # fmt: skip
    job.put("train", {"a.csv": csv(ROWS[:100]), "b/c.csv": csv(ROWS[100:200]), "_SUCCESS": "", ".x": "no"}, **CSV)
    job.put("validation", {"v.csv": csv(ROWS[200:])}, **CSV)
    code, out, err = job.run()
    assert code == 0, err
    direct = job.directly("""
        log = {}
        P = dict(objective="binary:logistic", max_depth=3, eta=0.2, subsample=0.8, seed=7, eval_metric=["error", "auc"])
        evals = [(D("train"), "train"), (D("validation"), "validation")]
        b = xgb.train(P, D("train"), 8, evals, evals_result=log, verbose_eval=False)
        print(json.dumps({"same": same(b, model, D("validation")), "log": log}))
    """)
    assert direct["same"]
    lines = [line for line in out.splitlines() if line.startswith("[") and "#011" in line]
    assert len(lines) == 8
    assert re.fullmatch(r"\[0\](#011(train|validation)-(error|auc):\d\.\d{5}){4}", lines[0])
    regexes = {metric.name: metric.regex for metric in named(f"xgboost-{version}").metrics}
    for split in ("train", "validation"):
        for metric in ("error", "auc"):
            seen = [float(match[1]) for line in lines if (match := re.search(regexes[f"{split}:{metric}"], line))]
            assert seen == [round(value, 5) for value in direct["log"][split][metric]]
    assert (tmp_path / "output/success").exists()


def test_early_stopping_keeps_the_best_model(job: Job) -> None:
    job.hyperparameters = {"num_round": "60", "objective": "binary:logistic", "eta": "1", "early_stopping_rounds": "2"}
    job.put("train", {"a.csv": csv(ROWS[:60])}, **CSV)
    job.put("validation", {"v.csv": csv(ROWS[200:])}, **CSV)
    assert job.run()[0] == 0
    assert job.directly("""
        import sys; sys.stdout, out = sys.stderr, sys.stdout
        stop = xgb.callback.EarlyStopping(2, save_best=True, data_name="validation")
        evals = [(D("validation"), "validation")]
        b = xgb.train(dict(objective="binary:logistic", eta=1), D("train"), 60, evals, callbacks=[stop])
        print(json.dumps({"same": same(b, model, D("validation"))}), file=out)
    """)["same"]


def test_libsvm_is_the_default_and_weights_count(job: Job) -> None:
    job.hyperparameters["objective"] = "binary:logistic"
    text = libsvm(ROWS[:50], ":2") + libsvm(ROWS[50:100], ":0.5")
    job.put("train", {"a;b?c#d": text, "e.libsvm": libsvm(ROWS[100:150], ":1")})
    del job.channels["train"]["ContentType"]
    code, _, err = job.run()
    assert code == 0, err
    assert job.directly("""
        from sklearn.datasets import load_svmlight_file
        import io, re
        files = sorted(p for p in (base / "input/data/train").iterdir())
        text = "".join(p.read_text() for p in files)
        weights = [float(line.split()[0].split(":")[1]) for line in text.splitlines()]
        X, y = load_svmlight_file(io.BytesIO(re.sub(r"(?m)^(\\d):\\S+", r"\\1", text).encode()), zero_based=True)
        m = xgb.DMatrix(X, label=y, weight=weights)
        b = xgb.train(dict(objective="binary:logistic"), m, 3)
        print(json.dumps({"same": same(b, model, m)}))
    """)["same"]


def test_csv_weights_and_missing_cells(job: Job) -> None:
    job.hyperparameters["csv_weights"] = "1"
    rows = [[row[0], 1 + i % 3, *(["" if i % 5 == 0 else row[1]]), *row[2:]] for i, row in enumerate(ROWS)]
    job.put("train", {"a.csv": csv(rows)}, **CSV)
    code, _, err = job.run()
    assert code == 0, err
    assert job.directly("""
        rows = pd.read_csv(base / "input/data/train/a.csv", header=None)
        m = xgb.DMatrix(rows.iloc[:, 2:].to_numpy(), label=rows[0], weight=rows[1])
        print(json.dumps({"same": same(xgb.train({}, m, 3), model, m)}))
    """)["same"]


def test_metrics_that_sagemaker_adds_agree_with_scikit_learn(job: Job) -> None:
    names = ["accuracy", "balanced_accuracy", "f1", "f1_macro", "precision_macro", "recall_macro", "mse", "r2"]
    binary = ["f1_binary", "precision", "recall", "precision_micro", "recall_micro"]
    job.hyperparameters |= {"objective": "binary:logistic", "eval_metric": ",".join(names + binary), "max_depth": "2"}
    job.put("train", {"a.csv": csv(ROWS)}, **CSV)
    code, out, err = job.run()
    assert code == 0, err
    last = dict(re.findall(r"#011train-(\w+):([-\d.]+)", [line for line in out.splitlines() if "#011" in line][-1]))
    expected = job.directly("""
        from sklearn import metrics as s
        m = D("train"); p = model.predict(m); y = m.get_label(); c = p > 0.5
        averaged = {f"{n}_{a}": f(y, c, average=a) for a in ("binary", "macro", "micro")
                    for n, f in [("f1", s.f1_score), ("precision", s.precision_score), ("recall", s.recall_score)]}
        print(json.dumps({"accuracy": s.accuracy_score(y, c), "balanced_accuracy": s.balanced_accuracy_score(y, c),
            "mse": s.mean_squared_error(y, p), "r2": s.r2_score(y, p), "f1": averaged["f1_macro"],
            "precision": averaged["precision_binary"], "recall": averaged["recall_binary"], **averaged}))
    """)
    assert sorted(last) == sorted(names + binary)
    assert {name: float(value) for name, value in last.items()} == pytest.approx(
        {name: expected[name] for name in last}, abs=6e-6
    )


def test_a_restarted_job_goes_on_from_its_checkpoint(job: Job) -> None:
    job.put("train", {"a.csv": csv(ROWS)}, **CSV)
    config = job.base / "input/config"
    config.mkdir(parents=True)
    checkpoints = job.base / "checkpoints"
    (config / "checkpointconfig.json").write_text(json.dumps({"S3Uri": "s3://b/c", "LocalPath": str(checkpoints)}))
    job.hyperparameters["num_round"] = "7"
    assert job.run()[0] == 0
    whole = (job.base / "model/xgboost-model").read_bytes()
    assert sorted(p.name for p in checkpoints.iterdir()) == [f"xgboost-checkpoint.{n}" for n in range(2, 7)]
    for number in (5, 6):
        (checkpoints / f"xgboost-checkpoint.{number}").unlink()
    code, out, _ = job.run()
    assert code == 0
    assert "resuming from round 5" in out
    assert re.findall(r"(?m)^\[(\d+)\]", out) == ["5", "6"]
    assert (job.base / "model/xgboost-model").read_bytes() == whole


def test_sigterm_saves_the_model_when_asked_to(job: Job) -> None:
    job.hyperparameters = {"num_round": "1000000", "save_model_on_termination": "true", "max_depth": "2"}
    job.put("train", {"a.csv": csv(ROWS)}, **CSV)
    process = job.start()
    assert process.stdout is not None
    end = time.monotonic() + 120
    while not process.stdout.readline().startswith("[3]"):
        assert process.poll() is None
        assert time.monotonic() < end
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert job.directly("print(json.dumps({'rounds': model.num_boosted_rounds()}))")["rounds"] > 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Missing required hyperparameter: num_round"),
        ({"num_round": "2", "depth": "3"}, "Extraneous hyperparameter found: depth"),
        ({"num_round": "2", "eta": "2"}, "Hyperparameter eta: value 2.0 not in range [0, 1]"),
        ({"num_round": "2", "learning_rate": "-1"}, "Hyperparameter eta: value -1.0 not in range [0, 1]"),
        ({"num_round": "2", "eta": "nan"}, "Hyperparameter eta: could not parse value 'nan'"),
        ({"num_round": "two"}, "Hyperparameter num_round: could not parse value 'two'"),
        ({"num_round": "0"}, "Hyperparameter num_round: value 0 not in range [1, +inf)"),
        ({"num_round": "2", "subsample": "0"}, "Hyperparameter subsample: value 0.0 not in range (0, 1]"),
        ({"num_round": "2", "booster": "tree"}, "not in range ['gbtree', 'gblinear', 'dart']"),
        ({"num_round": "2", "objective": "multi:softmax"}, "Require input for parameter 'num_class'"),
        ({"num_round": "2", "eval_metric": "auc"}, "Metric 'auc' can only be applied for classification"),
        ({"num_round": "2", "eval_metric": "error@x"}, "expects float input"),
        ({"num_round": "2", "eval_metric": "nope"}, "eval_metric: value 'nope' not in range"),
        ({"num_round": "2", "interaction_constraints": "__import__('os')"}, "interaction_constraints: could not parse"),
        ({"num_round": "2", "tree_method": "gpu_hist"}, "GPU"),
    ],
)
def test_wrong_hyperparameters(given: dict[str, str], said: str, job: Job, refusal: Callable[[Job], str]) -> None:
    job.hyperparameters = given
    job.put("train", {"a.csv": csv(ROWS)}, **CSV)
    assert said in refusal(job)


@pytest.mark.parametrize(
    ("files", "config", "said"),
    [
        ({"h.csv": "label,age\n1,2\n"}, CSV, "'h.csv', line 1, column 1: 'label' is not a number. Training data must"),
        ({"a.csv": "1,2\n0,x y\n"}, CSV, "'a.csv', line 2, column 2: 'x y' is not a number"),
        ({"a.csv": "1,2,3\n0,2\n"}, CSV, "'a.csv', line 2: 2 columns, the first line has 3"),
        ({"a.csv": "1,2\n0,2,3\n"}, CSV, "'a.csv', line 2: 3 columns, the first line has 2"),
        ({"a.csv": "1,2\n", "b.csv": "1,2,3\n"}, CSV, "'b.csv' has 3 columns, but 'a.csv' has 2"),
        ({"a.csv": "1\n0\n"}, CSV, "there are no features"),
        ({"a.csv": "1,2\n,3\n"}, CSV, "Row 2 of the data has no label"),
        ({"a.csv": "\xff\xfe,1\n"}, CSV, "'a.csv', line 1"),
        ({"a.csv": ""}, CSV, "No data in train channel path"),
        ({"_a.csv": "1,2\n"}, CSV, "No data in train channel path"),
        ({"1/2/3/a.csv": "1,2\n"}, CSV, "No data in train channel path"),
        ({"a": "1 1:2\n0 x:1\n"}, LIBSVM, "Line 2 '0 x:1...' of file 'a' is not 'LIBSVM' format"),
        ({"a": "1,2,3\n"}, LIBSVM, "is not 'LIBSVM' format"),
        ({"a": "1:2 1:2\n0 1:1\n"}, LIBSVM, "some rows have an instance weight"),
        ({"a": "x"}, {"ContentType": "application/x-parquet"}, "Failed to load parquet data"),
        ({"a": "x"}, {"ContentType": "application/x-recordio-protobuf"}, "not supported yet"),
        ({"a": "x"}, {"ContentType": "image/png"}, "image/png is not an accepted ContentType: csv, text/csv"),
        ({"a": "x"}, {"ContentType": "text/csv;label_size=0"}, "label_size must be equal to 1"),
        ({"a": "x"}, {**CSV, "TrainingInputMode": "Pipe"}, "Pipe mode is not supported"),
    ],
)
def test_wrong_data(
    files: dict[str, str], config: dict[str, str], said: str, job: Job, refusal: Callable[[Job], str]
) -> None:
    job.put("train", files, **config)
    assert said in refusal(job)


@pytest.mark.parametrize(
    ("objective", "labels", "said"),
    [
        ("binary:logistic", "5 0", "label must be in [0,1] for logistic regression"),
        ("multi:softmax", "3 0", "label must be in [0, num_class)"),
        ("count:poisson", "-1 0", "label must be nonnegative"),
        ("reg:gamma", "-1 0", "XGB train call failed with exception"),
    ],
)
def test_labels_that_the_objective_refuses(
    objective: str, labels: str, said: str, job: Job, refusal: Callable[[Job], str]
) -> None:
    job.hyperparameters |= {"objective": objective} | ({"num_class": "3"} if "multi" in objective else {})
    job.put("train", {"a.csv": "".join(f"{label},1\n" for label in labels.split())}, **CSV)
    assert said in refusal(job)


def test_a_refusal_is_the_failure_of_the_job(job: Job) -> None:
    job.put("test", {"a.csv": csv(ROWS)}, **CSV)
    code, out, err = job.run()
    assert (code, out) == (1, "")
    assert err == "Extraneous channel found: test\n"
    assert (job.base / "output/failure").read_text() == "Extraneous channel found: test"


def test_channels_and_hosts(job: Job, refusal: Callable[[Job], str]) -> None:
    assert refusal(job) == "Missing required channel: train"
    job.put("train", {"a.csv": csv(ROWS)}, **CSV)
    job.resources = {**ONE, "hosts": ["algo-1", "algo-2"]}
    assert "not supported yet" in refusal(job)
