"""The algorithm on releases of XGBoost that the images of older tags hold: training, the model's file, serving."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.kit.model_server import ModelServer
from tests.kit.training_cases import CHANNEL, ONE

import sagewright_runtime

TRAIN = Path(sagewright_runtime.__file__).parent / "bin/train"
ROWS = [[int(i * 37 % 101 + i * 17 % 53 > 75), i * 37 % 101, i * 17 % 53, i * 29 % 97 / 8] for i in range(300)]
PREDICT = """
import json, pickle, sys, warnings
warnings.simplefilter("ignore")
import numpy, xgboost
try:
    booster = pickle.load(open(sys.argv[1], "rb"))
except pickle.UnpicklingError:
    booster = xgboost.Booster(model_file=sys.argv[1])
rows = numpy.array(json.loads(sys.argv[2]))
print(json.dumps([xgboost.__version__, type(booster).__name__, booster.predict(xgboost.DMatrix(rows)).tolist()]))
"""

pytestmark = pytest.mark.slow


def lay_out(base: Path, hyperparameters: dict[str, str]) -> None:
    text = ["".join(",".join(map(str, row)) + "\n" for row in rows) for rows in (ROWS[:200], ROWS[200:])]
    for channel, rows in zip(("train", "validation"), text, strict=True):
        (base / "input/data" / channel).mkdir(parents=True)
        (base / "input/data" / channel / "rows.csv").write_text(rows)
    (base / "input/config").mkdir()
    channels = {name: {**CHANNEL, "ContentType": "text/csv"} for name in ("train", "validation")}
    for name, document in (
        ("hyperparameters", hyperparameters),
        ("inputdataconfig", channels),
        ("resourceconfig", ONE),
    ):
        (base / f"input/config/{name}.json").write_text(json.dumps(document))


@pytest.mark.parametrize("version", ["0.90-1", "1.3-1"])
def test_it_trains_and_serves_with_the_release_of_the_image(
    version: str, tmp_path: Path, environment: Callable[[str], Path]
) -> None:
    root = environment(f"xgboost-{version}")
    lay_out(
        tmp_path,
        {
            "num_round": "30", "objective": "binary:logistic", "max_depth": "3", "eta": "0.9", "silent": "0",
            "eval_metric": "error,f1", "early_stopping_rounds": "2",
        }
        | ({} if version in ("0.90-1", "1.0-1") else {"silent": "x"}),
    )  # fmt: skip
    path = f"{TRAIN.parent}:{root}/bin:{os.environ['PATH']}"
    env = {"PATH": path, "SAGEMAKER_BASE_DIR": str(tmp_path), "SAGEWRIGHT_ALGORITHM": "xgboost"}
    done = subprocess.run(["train"], env=env, capture_output=True, text=True, timeout=240, check=False)
    if version not in ("0.90-1", "1.0-1"):
        assert "Extraneous hyperparameter found: silent" in done.stderr
        config = tmp_path / "input/config/hyperparameters.json"
        config.write_text(json.dumps({k: v for k, v in json.loads(config.read_text()).items() if k != "silent"}))
        done = subprocess.run(["train"], env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    rounds = [line for line in done.stdout.splitlines() if re.match(r"\[\d+\]#011", line)]
    assert 1 < len(rounds) < 30, "it did not stop early"
    assert re.fullmatch(r"\[0\](#011(train|validation)-(error|f1):\d\.\d{5}){4}", rounds[0])

    rows = [[float(value) for value in row[1:]] for row in ROWS[:5]]
    model = tmp_path / "model/xgboost-model"
    command = [root / "bin/python", "-c", PREDICT, model, json.dumps(rows)]
    direct = subprocess.run(command, capture_output=True, text=True, check=True)
    release, kind, expected = json.loads(direct.stdout)
    assert version.startswith(release.rpartition(".")[0])
    assert kind == "Booster"
    assert (model.read_bytes()[:1] == b"\x80") == (version < "1.3"), "tags up to 1.2-2 pickle their models"

    with ModelServer(model.parent, root / "bin/python", SAGEWRIGHT_ALGORITHM="xgboost") as server:
        status, _, body = server.ask("\n".join(",".join(map(str, row)) for row in rows), "text/csv")
        assert (status, [float(line) for line in body.split()]) == (200, expected)
        assert server.ask("1,2,3,4", "text/csv")[0] == 400
