"""The XGBoost built-in's model server gives the numbers of xgboost itself, in SageMaker's forms."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import xgboost
from tests.kit.model_server import ModelServer

from sagewright.serving.probe import ping

RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(300, 6)).astype(np.float32)
TARGETS = {
    "binary:logistic": (ROWS[:, 0] + ROWS[:, 1] * ROWS[:, 2] > 0).astype(int),
    "binary:hinge": (ROWS[:, 0] > 0).astype(int),
    "multi:softprob": np.digitize(ROWS[:, 0], [-0.5, 0.5]),
    "multi:softmax": np.digitize(ROWS[:, 0], [-0.5, 0.5]),
    "reg:squarederror": ROWS[:, 0] * 3 + ROWS[:, 1],
    "count:poisson": np.abs(ROWS[:, 0]),
}
Start = Callable[..., tuple[ModelServer, xgboost.Booster]]


def train(objective: str, seed: int = 0, **more: object) -> xgboost.Booster:
    settings = {"objective": objective, "seed": seed, "nthread": 1, **(more or {"max_depth": 4, "subsample": 0.8})}
    if objective.startswith("multi:"):
        settings["num_class"] = 3
    return xgboost.train(settings, xgboost.DMatrix(ROWS, TARGETS[objective]), 15)


def direct(booster: xgboost.Booster, rows: np.ndarray = ROWS) -> list:
    return booster.predict(xgboost.DMatrix(rows)).tolist()


def csv(rows: np.ndarray) -> str:
    return "\n".join(",".join(repr(float(value)) for value in row) for row in rows)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """``start(objective, **env)`` serves a model of that objective, once for each set of arguments."""
    running: dict[tuple[object, ...], tuple[ModelServer, xgboost.Booster]] = {}
    with ExitStack() as stack:

        def make(objective: str = "binary:logistic", **env: str) -> tuple[ModelServer, xgboost.Booster]:
            key = (objective, *sorted(env.items()))
            if key not in running:
                folder = tmp_path_factory.mktemp("model")
                booster = train(objective)
                booster.save_model(folder / "model.ubj")
                (folder / "model.ubj").rename(folder / "xgboost-model")
                server = stack.enter_context(ModelServer(folder, SAGEWRIGHT_ALGORITHM="xgboost", **env))
                running[key] = server.wait_ready(), booster
            return running[key]

        yield make


def test_csv_is_answered_one_prediction_on_a_line(start: Start) -> None:
    server, booster = start()
    status, kind, body = server.ask(csv(ROWS), "text/csv")
    assert (status, kind) == (200, "text/csv")
    assert [float(line) for line in body.decode().splitlines()] == direct(booster)


def test_a_class_for_each_comma(start: Start) -> None:
    server, booster = start("multi:softprob")
    body = server.ask(csv(ROWS[:5]), "csv", "text/csv")[2]
    assert [[float(value) for value in line.split(",")] for line in body.decode().splitlines()] == direct(booster)[:5]
    body = server.ask(csv(ROWS[:1]), "csv", "application/json")[2]
    assert json.loads(body) == {"predictions": [{"score": direct(booster)[0]}]}


def test_json_and_jsonlines(start: Start) -> None:
    server, booster = start()
    expected = [{"score": score} for score in direct(booster)[:3]]
    status, kind, body = server.ask(csv(ROWS[:3]), "text/csv; charset=utf-8", "application/json")
    assert (status, kind, json.loads(body)) == (200, "application/json", {"predictions": expected})
    status, kind, body = server.ask(csv(ROWS[:3]), "text/csv", "application/jsonlines")
    assert (status, kind) == (200, "application/jsonlines")
    assert [json.loads(line) for line in body.splitlines()] == expected


def test_requests_that_arrive_together_get_what_each_would_get_alone(start: Start) -> None:
    server, booster = start()
    sizes = [1, 3, 1, 1, 7, 2, 1, 40]
    cuts = np.split(ROWS[: sum(sizes)], np.cumsum(sizes)[:-1])
    good = [(csv(rows), "text/csv", "") for rows in cuts]
    bad = ("a,b,c,d,e,f", "text/csv", "")
    replies = server.ask_all([*good[:4], bad, ("", "text/csv", ""), *good[4:], ("1," * 9 + "1", "text/csv", "")])
    assert [status for status, _, _ in replies] == [200] * 4 + [415, 204] + [200] * 4 + [400]
    bodies = b"".join(body for status, _, body in replies if status == 200)
    assert [float(line) for line in bodies.split()] == direct(booster, ROWS[: sum(sizes)])


def test_an_infinite_value_spoils_only_its_own_request(start: Start) -> None:
    server, booster = start()
    replies = server.ask_all([(csv(ROWS[:1]), "csv", ""), ("inf,0,0,0,0,0", "csv", ""), ("1e300,0,0,0,0,0", "csv", "")])
    assert [status for status, _, _ in replies] == [200, 400, 400]
    assert float(replies[0][2]) == direct(booster)[0]


def test_missing_values_and_missing_columns(start: Start) -> None:
    server, booster = start()
    rows = ROWS[:2].copy()
    rows[:, 1] = np.nan
    rows[:, 4:] = np.nan
    text = "\n".join(f"{row[0]!r},,{float(row[2])!r},{float(row[3])!r}" for row in rows.astype(float).tolist())
    assert [float(line) for line in server.ask(text, "text/csv")[2].split()] == direct(booster, rows)


@pytest.mark.parametrize("delimiter", ["\t", ";", "|", " "])
def test_other_delimiters(start: Start, delimiter: str) -> None:
    server, booster = start()
    body = server.ask(csv(ROWS[:3]).replace(",", delimiter), "text/csv")[2]
    assert [float(line) for line in body.split()] == direct(booster)[:3]


def test_libsvm(start: Start) -> None:
    server, booster = start()
    rows = np.full((2, 6), np.nan, dtype=np.float32)
    rows[0, [0, 3]], rows[1, 5] = [0.5, -1.25], 2
    for content_type in ("text/libsvm", "text/x-libsvm", "libsvm"):
        body = server.ask("0 0:0.5 3:-1.25\n5:2", content_type)[2]
        assert [float(line) for line in body.split()] == direct(booster, rows)
    # indices that can only count from 1
    body = server.ask("0 1:0.5 4:-1.25\n0 6:2", "text/libsvm")[2]
    assert [float(line) for line in body.split()] == direct(booster, rows)


def test_libsvm_rows_may_have_a_weight_a_group_a_remark_and_no_feature(start: Start) -> None:
    server, booster = start()
    rows = np.full((3, 6), np.nan, dtype=np.float32)
    rows[0, 0], rows[2, 5] = 0.5, 2
    body = server.ask("1 qid:3 0:0.5 # the first\n0\n1 5:2\n", "text/libsvm")[2]
    assert [float(line) for line in body.split()] == direct(booster, rows)


def test_true_and_false_in_csv_are_one_and_zero(start: Start) -> None:
    """As the dummy columns of newer pandas are written, and as training reads them."""
    server, booster = start()
    rows = np.array([[0.5, 1, 0, -1, 1, 0]], dtype=np.float32)
    status, _, body = server.ask("0.5,True,False,-1,true,FALSE", "text/csv")
    assert (status, [float(body)]) == (200, direct(booster, rows))


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status", "told"),
    [
        ("", "text/csv", "", 204, ""),
        ("1,2", "image/png", "", 415, "image/png is not an accepted ContentType"),
        ("1,2", "application/x-parquet", "", 415, "application/x-parquet is not supported"),
        ("1,2\n3", "text/csv", "", 415, "Loading csv data failed"),
        (b"\xff\xfe", "text/csv", "", 415, "Loading csv data failed"),
        ("0 a:1", "text/libsvm", "", 415, "Loading libsvm data failed"),
        ("0 -1:1", "text/libsvm", "", 415, "negative"),
        ("0.9,0.2", "", "", 415, "please ensure data is in libsvm format"),
        ("0.9,0.2", "text/libsvm", "", 415, "'0.9,0.2' is not index:value"),
        ("hello world", "text/libsvm", "", 415, "'hello' is not index:value"),
        ("1 hello", "text/x-libsvm", "", 415, "'hello' is not index:value"),
        ("0.9 0.2", "text/libsvm", "", 415, "'0.2' is not index:value"),
        ("1", "libsvm", "", 415, "no feature"),
        ("1\n0", "", "", 415, "no feature"),
        ("1 1:0.5 2:0.5,3:1", "text/libsvm", "", 415, "'2:0.5,3:1'"),
        ("1 1_0:0.5", "text/libsvm", "", 415, "'1_0:0.5'"),
        ('{"instances": [[1, 2]]}', "", "", 415, "Loading libsvm data failed"),
        ('{"instances": [[1, 2]]}', "application/json", "", 415, "application/json is not an accepted ContentType"),
        ("1,2", "application/x-www-form-urlencoded", "", 415, "x-www-form-urlencoded is not an accepted ContentType"),
        ("1,2", "application/octet-stream", "", 415, "is not an accepted ContentType"),
        ("1,2", "application/x-recordio-protobuf", "", 415, "application/x-recordio-protobuf is not supported"),
        ("hello world", "text/csv", "", 415, "please ensure data is in csv format"),
        ("a,b,c,d,e,f\n1,2,3,4,5,6", "text/csv", "", 415, "please ensure data is in csv format"),
        ("1,2,3,4,5,6,7", "text/csv", "", 400, "Feature shape mismatch, expected: 6, got 7"),
        ("0 0:1 99999999999:1", "text/libsvm", "", 400, "Feature shape mismatch"),
        ("1,2,3,4,5,6", "text/csv", "image/png", 406, "Accept type image/png is not supported"),
    ],
)
def test_what_is_refused(  # the columns of the table are the parameters
    start: Start, body: str | bytes, content_type: str, accept: str, status: int, told: str
) -> None:
    got, _, answer = start()[0].ask(body, content_type, accept)
    assert got == status
    assert told in answer.decode()


def test_selected_output(start: Start) -> None:
    keys = "predicted_label, labels,probability,probabilities,raw_score,raw_scores,predicted_score"
    server, booster = start("binary:logistic", SAGEMAKER_INFERENCE_OUTPUT=keys)
    score = direct(booster)[0]
    record = json.loads(server.ask(csv(ROWS[:1]), "text/csv", "application/json")[2])["predictions"][0]
    assert np.isnan(record.pop("predicted_score"))
    both = [1.0 - score, score]
    assert record == {
        "predicted_label": int(score > 0.5),
        "labels": [0, 1],
        "probability": score,
        "probabilities": both,
        "raw_score": score,
        "raw_scores": both,
    }
    text = server.ask(csv(ROWS[:1]), "text/csv", "text/csv")[2].decode()
    assert text == f'{int(score > 0.5)},"[0, 1]",{score},"{both}",{score},"{both}",nan'


def test_selected_output_of_several_classes(start: Start) -> None:
    server, booster = start("multi:softprob", SAGEMAKER_INFERENCE_OUTPUT="labels,predicted_label,probability")
    lines = server.ask(csv(ROWS[:9]), "text/csv", "application/jsonlines")[2].splitlines()
    expected = [
        {"labels": [0, 1, 2], "predicted_label": int(np.argmax(scores)), "probability": max(scores)}
        for scores in direct(booster)[:9]
    ]
    assert [json.loads(line) for line in lines] == expected


def test_selected_output_of_an_objective_it_does_not_know(start: Start) -> None:
    server, _ = start("count:poisson", SAGEMAKER_INFERENCE_OUTPUT="predicted_score")
    status, _, body = server.ask(csv(ROWS[:1]), "text/csv")
    assert (status, body) == (500, b"Objective `count:poisson` unsupported for selectable inference predictions.")


def test_batch_transform_answers_a_list_on_a_line(start: Start) -> None:
    server, booster = start("multi:softprob", SAGEMAKER_BATCH="true")
    body = server.ask(csv(ROWS[:2]), "text/csv")[2].decode()
    assert [json.loads(line) for line in body.splitlines()] == direct(booster)[:2]


def serve(folder: Path, **env: str) -> ModelServer:
    return ModelServer(folder, SAGEWRIGHT_ALGORITHM="xgboost", **env)


def predictions(server: ModelServer, rows: np.ndarray = ROWS) -> list[float]:
    return [float(line) for line in server.ask(csv(rows), "text/csv")[2].split()]


def test_a_pickled_booster_and_files_that_are_no_model(tmp_path: Path) -> None:
    booster = train("reg:squarederror")
    (tmp_path / "xgboost-model").write_bytes(pickle.dumps(booster))
    (tmp_path / "notes.txt").write_text("not a model")
    (tmp_path / ".hidden").write_text("not a model")
    with serve(tmp_path) as server:
        assert predictions(server) == direct(booster)


MODELS = Path(__file__).parent / "models"
"""Boosters that XGBoost 0.90 pickled, and what it predicts."""
OLD_ROWS, OLD_PREDICTIONS = "0.5,-1,2\n-0.5,0.25,0\n1,1,1", [0.408223956823349, 0.36695778369903564, 0.7169694304466248]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [0, 2])
def test_a_booster_pickled_by_xgboost_before_1_0(
    tmp_path: Path, protocol: int, environment: Callable[..., Path]
) -> None:
    shutil.copy(MODELS / f"booster-0.90-protocol-{protocol}.pickle", tmp_path / "xgboost-model")
    python = environment("xgboost-1.7-1") / "bin/python"
    with ModelServer(tmp_path, python, SAGEWRIGHT_ALGORITHM="xgboost") as server:
        body = server.ask(OLD_ROWS, "text/csv")[2]
        assert [float(line) for line in body.split()] == pytest.approx(OLD_PREDICTIONS, abs=1e-7)


def test_a_pickle_that_this_xgboost_does_not_read_says_which_image_does(tmp_path: Path) -> None:
    shutil.copy(MODELS / "booster-0.90-protocol-2.pickle", tmp_path / "xgboost-model")
    with serve(tmp_path) as server:
        assert server.wait_end() == 1
        assert "Pickles of XGBoost before 1.0 load in images up to tag 3.0-5." in server.output()


def test_a_pickle_of_something_else_says_so(tmp_path: Path) -> None:
    (tmp_path / "xgboost-model").write_bytes(pickle.dumps({"a": 1}, 0))
    with serve(tmp_path) as server:
        assert server.wait_end() == 1
        assert "cannot be loaded: it is a pickled dict, not a Booster" in server.output()


def test_sigterm_ends_it_cleanly_and_takes_its_listener_along(tmp_path: Path) -> None:
    train("reg:squarederror").save_model(tmp_path / "xgboost-model.ubj")
    with serve(tmp_path) as server:
        assert len(predictions(server)) == len(ROWS)
        server.process.terminate()
        assert server.wait_end() == 0
        assert not ping(server.socket).ok


def test_several_models_are_one_mean_or_one_vote(tmp_path: Path) -> None:
    for objective in ("reg:squarederror", "multi:softmax"):
        folder = tmp_path / objective.replace(":", "-")
        folder.mkdir()
        boosters = [train(objective, seed) for seed in range(3)]
        for number, booster in enumerate(boosters):
            booster.save_model(folder / "m.json")
            (folder / "m.json").rename(folder / f"xgboost-model-{number}")
        each = np.array([booster.predict(xgboost.DMatrix(ROWS)) for booster in boosters])
        if objective == "multi:softmax":
            expected = [float(np.bincount(column.astype(int)).argmax()) for column in each.T]
        else:
            expected = np.mean(each, axis=0).tolist()
        with serve(folder) as server:
            assert predictions(server) == expected


def test_a_linear_booster(tmp_path: Path) -> None:
    booster = train("reg:squarederror", booster="gblinear")
    booster.save_model(tmp_path / "xgboost-model.json")
    with serve(tmp_path) as server:
        assert predictions(server) == direct(booster)


@pytest.mark.parametrize(
    ("content", "told"), [(None, "no model file"), (b"garbage", "cannot be loaded"), (b"\x80\x04.", "cannot be loaded")]
)
def test_a_model_that_cannot_be_loaded(tmp_path: Path, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / "xgboost-model").write_bytes(content)
    with serve(tmp_path) as server:
        assert server.wait_end() == 1
        assert told in server.output()


SCRIPT = """
import os, xgboost
from sagemaker_xgboost_container import encoder as xgb_encoders

def model_fn(model_dir):
    booster = xgboost.Booster()
    booster.load_model(os.path.join(model_dir, "my.json"))
    return booster

def input_fn(body, content_type):
    if content_type == "text/libsvm":
        return xgb_encoders.libsvm_to_dmatrix(body)
    return xgb_encoders.decode(body, content_type)
"""


@pytest.mark.parametrize("own_input", [True, False])
def test_script_mode_with_the_containers_defaults_and_encoder(tmp_path: Path, own_input: bool) -> None:
    booster = train("binary:logistic")
    booster.save_model(tmp_path / "my.json")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text(SCRIPT if own_input else SCRIPT.partition("def input_fn")[0])
    with serve(tmp_path) as server:
        status, kind, body = server.ask(csv(ROWS[:4]), "text/csv", "text/csv")
        assert (status, kind) == (200, "text/csv")
        assert np.array(body.split(), dtype=np.float32).tolist() == direct(booster)[:4]
        rows = np.array([[0.5, np.nan, np.nan, -1, np.nan, np.nan]], dtype=np.float32)
        body = server.ask("0 0:0.5 3:-1", "text/libsvm", "application/json")[2]
        assert json.loads(body) == direct(booster, rows)
