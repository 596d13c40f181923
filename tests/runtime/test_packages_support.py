"""What public scripts import of the packages in AWS's images works, in training, in an endpoint and in any process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.kit.model_server import ModelServer
from tests.kit.training_cases import CHANNEL, Case

import sagewright_runtime

RUNTIME = Path(sagewright_runtime.__file__).parent
TRAINING = """
import json
import sagemaker_containers
from sagemaker_containers.beta.framework import encoders, env as beta_env, modules, training_env, transformer, worker
from sagemaker_training import environment
env = environment.Environment()
old = sagemaker_containers.training_env()
assert old.hyperparameters == env.hyperparameters == training_env().hyperparameters == {"lr": 0.5}
assert env["channel_input_dirs"]["train"].endswith("/input/data/train")
assert environment.read_hyperparameters()["sagemaker_program"] == "train.py"
assert environment.read_resource_config()["current_host"] == env.current_host == "algo-1"
assert list(environment.read_input_data_config()) == ["train"]
assert env.to_cmd_args() == ["--lr", "0.5"] and env.to_env_vars()["SM_HP_LR"] == "0.5"
print(json.dumps([old.model_dir, env.num_gpus, env.hosts, beta_env.TrainingEnv is type(old)]))
"""
OLD_INFERENCE = """
import json
from sagemaker_containers.beta.framework import content_types, encoders, env, modules, transformer, worker

def model_fn(model_dir): return 2
def input_fn(body, content_type): return encoders.decode(body, content_type)
def predict_fn(data, model): return data * model
def output_fn(prediction, accept):
    if accept == "application/json":
        instances = [{"features": row} for row in prediction.tolist()]
        return worker.Response(json.dumps({"instances": instances}), mimetype=accept)
    return worker.Response(encoders.encode(prediction, accept), mimetype=accept)
"""
INFERENCE = """
from sagemaker_inference import content_types, decoder, default_inference_handler, encoder, errors, utils

class Mine(default_inference_handler.DefaultInferenceHandler):
    def default_predict_fn(self, data, model, context=None): return data + model
mine = Mine()

def model_fn(model_dir): return 1
def input_fn(body, content_type):
    if content_type == "text/teapot":
        raise errors.GenericInferenceToolkitError(418, "short and stout")
    if content_type == "text/odd":
        raise errors.UnsupportedFormatError(content_type)
    return mine.default_input_fn(body, content_type)
def predict_fn(data, model): return mine.default_predict_fn(data, model)
def output_fn(prediction, accept):
    assert content_types.JSON in content_types.UTF8_TYPES and utils.parse_accept("a/b;q=1, c/d") == ["a/b", "c/d"]
    return mine.default_output_fn(prediction, accept)
"""


def test_the_training_environment_by_its_older_names(tmp_path: Path) -> None:
    case = Case(
        "environment",
        {"train.py": TRAINING},
        {"sagemaker_program": '"train.py"', "lr": "0.5"},
        channels={"train": CHANNEL},
    )
    case.lay_out(tmp_path)
    env = {"PATH": os.environ["PATH"], "SAGEMAKER_BASE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, RUNTIME / "bin/train"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [f"{tmp_path}/model", 0, ["algo-1"], True]


def write(folder: Path, code: str) -> Path:
    (folder / "code").mkdir()
    (folder / "code/inference.py").write_text(code)
    return folder


def test_an_inference_module_for_older_images(tmp_path: Path) -> None:
    with ModelServer(write(tmp_path, OLD_INFERENCE)) as server:
        status, kind, body = server.ask("[[1, 2]]", "application/json", "application/json")
        assert (status, kind, json.loads(body)) == (200, "application/json", {"instances": [{"features": [2, 4]}]})
        assert server.ask("[[1, 2]]", "application/json", "text/csv") == (200, "text/csv", b"2,4\n")


def test_an_inference_module_over_the_toolkit(tmp_path: Path) -> None:
    with ModelServer(write(tmp_path, INFERENCE)) as server:
        assert server.ask("[[1, 2]]", "application/json", "text/csv") == (200, "text/csv", b"2,3\n")
        assert server.ask("[[1, 2]]", "application/json", "image/png")[0] == 415
        status, _, body = server.ask("", "text/teapot")
        assert (status, body.splitlines()[0]) == (418, b"short and stout")
        assert server.ask("", "text/odd")[0] == 415


XGBOOST = """
import numpy, sys
from sagemaker_xgboost_container import distributed
from sagemaker_xgboost_container.data_utils import get_content_type, get_dmatrix
from sagemaker_xgboost_container.encoder import csv_to_dmatrix
import pyarrow, requests, boto3, pandas
folder = sys.argv[1]
assert get_content_type("text/csv") == "csv"
matrix = get_dmatrix(folder + "/train", "text/csv")
assert (matrix.num_row(), matrix.num_col(), matrix.get_label().tolist()) == (2, 2, [1, 0])
assert get_dmatrix(folder + "/train/a.csv", "csv", 1).num_col() == 1
assert get_dmatrix(folder + "/empty", "text/csv") is None
assert csv_to_dmatrix("1,2,3").num_col() == 3
seen = []
def train(rows, is_master): seen.append((rows, is_master))
distributed.rabit_run(
    exec_fun=train, args={"rows": 2}, include_in_training=True, hosts=["algo-1"], current_host="algo-1",
    update_rabit_args=True)
assert seen == [(2, True)]
try:
    distributed.rabit_run(train, {}, True, ["algo-1", "algo-2"], "algo-1")
except NotImplementedError as error:
    print(error)
"""


@pytest.mark.slow
def test_what_xgboost_scripts_import_in_a_process_of_their_own(
    tmp_path: Path, environment: Callable[[str], Path]
) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "train/a.csv").write_text("1,2,3\n0,4,5\n")
    python = environment("xgboost-3.0-5") / "bin/python"
    env = {"PYTHONPATH": str(RUNTIME / "packages")}
    done = subprocess.run([python, "-c", XGBOOST, tmp_path], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "set InstanceCount to 1" in done.stdout
