"""The inference contract, by real user modules in real model server processes."""

from __future__ import annotations

import io
import json
import signal
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.kit.eventually import eventually
from tests.kit.model_server import ModelServer, Reply
from tests.kit.old_tarfile import old_tarfile

from sagewright.serving.probe import ping
from sagewright_runtime.shared import frames, sockets

STEPS = """
import os

class Doubler:
    def predict(self, data):
        return data * 2

def model_fn(model_dir):
    print("loading from", model_dir)
    assert os.environ["SM_MODEL_DIR"] == model_dir
    return Doubler()

def input_fn(body, content_type, context):
    if content_type == "application/crash":
        raise ValueError("cannot read this body")
    if content_type == "application/exit":
        raise SystemExit(3)
    print("attributes", context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes"))
    return int(body)

def predict_fn(data, model):
    return model.predict(data)

def output_fn(prediction, accept):
    return f"{prediction} as {accept}", "text/x-answer"
"""


def write_model(folder: Path, code: str, program: str = "inference.py") -> Path:
    (folder / "code").mkdir(parents=True)
    (folder / "code" / program).write_text(code)
    return folder


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    folder = write_model(tmp_path_factory.mktemp("steps"), STEPS)
    with ModelServer(folder) as server:
        yield server.wait_ready()


def test_the_four_functions(steps: ModelServer) -> None:
    assert steps.ask("21", "text/plain", "text/csv") == (200, "text/x-answer", b"42 as text/csv")
    assert steps.ask("21", "text/plain", "*/*") == (200, "text/x-answer", b"42 as application/json")


def test_a_function_may_take_the_context_and_prints_reach_the_log(steps: ModelServer) -> None:
    steps.ask("1", "text/plain", **{"x-amzn-sagemaker-custom-attributes": "trace=7"})
    assert "attributes trace=7" in steps.output()
    assert "loading from" in steps.output()


def test_an_error_of_the_user_is_told_with_its_traceback_and_ends_nothing(steps: ModelServer) -> None:
    status, _, body = steps.ask("x", "application/crash")
    assert status == 500
    assert body.startswith(b"cannot read this body\nTraceback")
    assert b"inference.py" in body
    assert "cannot read this body" in steps.output()
    assert steps.ask("x", "application/exit")[0] == 500
    assert steps.ask("2", "text/plain")[0] == 200


def test_many_at_once_are_answered_each_by_its_own(steps: ModelServer) -> None:
    replies = steps.ask_all([(str(number), "text/plain", "a/b") for number in range(200)])
    assert [body for _, _, body in replies] == [f"{2 * number} as a/b".encode() for number in range(200)]


def test_transform_fn(tmp_path: Path) -> None:
    code = """
def model_fn(model_dir): return 3
def transform_fn(model, body, content_type, accept):
    return type(body).__name__ + " " + str(len(body) * model)
"""
    with ModelServer(write_model(tmp_path, code)) as server:
        assert server.ask("1,2", "text/csv", "text/plain") == (200, "text/plain", b"str 9")
        assert server.ask("1,2", "application/x-other", "text/plain") == (200, "text/plain", b"bytes 9")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def model_fn(d): return 1\ndef transform_fn(m,b,c,a): return b\ndef predict_fn(d,m): return d", "Cannot use"),
        ("def predict_fn(d, m): return d", "Please provide a model_fn implementation"),
        ("def model_fn(d): raise RuntimeError('no such weights')", "no such weights"),
        ("import not_installed_anywhere", "No module named 'not_installed_anywhere'"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("def model_fn(:", "SyntaxError"),
    ],
)
def test_what_cannot_be_loaded_ends_the_process_and_says_why(tmp_path: Path, code: str, told: str) -> None:
    with ModelServer(write_model(tmp_path, code)) as server:
        assert server.wait_end() == 1
        assert told in server.output()
        assert not ping(server.socket).ok


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with ModelServer(tmp_path, SAGEMAKER_PROGRAM="train.py") as server:
        assert server.wait_end() == 1
        assert "SAGEMAKER_PROGRAM is train.py, but there is no such file" in server.output()


@pytest.mark.parametrize("packed", [False, True])
def test_a_program_in_the_submit_directory(tmp_path: Path, packed: bool) -> None:
    write_model(
        tmp_path / "src", "import helper\ndef model_fn(d): return helper.X\ndef predict_fn(d, m): return m", "a.py"
    )
    folder = tmp_path / "src" / "code"
    (folder / "helper.py").write_text("X = [1, 2]")
    if packed:
        with tarfile.open(tmp_path / "sourcedir.tar.gz", "w:gz") as archive:
            archive.add(folder, ".")
        folder = tmp_path / "sourcedir.tar.gz"
    env = {"SAGEMAKER_PROGRAM": "a.py", "SAGEMAKER_SUBMIT_DIRECTORY": str(folder)}
    with ModelServer(tmp_path, **env) as server:
        assert server.ask("[]", "application/json") == (200, "application/json", b"[1, 2]")


SKLEARN = """
import joblib, os
def model_fn(model_dir): return joblib.load(os.path.join(model_dir, "model.joblib"))
"""


@pytest.fixture(scope="module")
def sklearn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    import joblib
    from sklearn.linear_model import LogisticRegression

    folder = write_model(tmp_path_factory.mktemp("sklearn"), SKLEARN)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(100, 3))
    joblib.dump(LogisticRegression().fit(rows, rows[:, 0] > 0), folder / "model.joblib")
    with ModelServer(folder, SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="text/csv") as server:
        yield server.wait_ready()


def npy(value: np.ndarray, **options: bool) -> bytes:
    stream = io.BytesIO()
    np.save(stream, value, **options)
    return stream.getvalue()


def test_sklearn_defaults_speak_csv_json_and_npy(sklearn: ModelServer) -> None:
    rows = [[1.5, 0, 0], [-1.5, 0, 0]]
    text = "\n".join(",".join(map(str, row)) for row in rows)
    assert sklearn.ask(text, "text/csv") == (200, "text/csv", b"True\nFalse\n")
    assert sklearn.ask(text, "text/csv; charset=utf-8")[2] == b"True\nFalse\n"
    status, kind, body = sklearn.ask(json.dumps(rows), "application/json", "application/json")
    assert (status, kind, json.loads(body)) == (200, "application/json", [True, False])
    status, kind, body = sklearn.ask(npy(np.array(rows)), "application/x-npy", "application/x-npy")
    assert (status, kind) == (200, "application/x-npy")
    assert np.load(io.BytesIO(body)).tolist() == [True, False]
    assert sklearn.ask("1.5,0,0", "text/csv")[2] == b"True\n"


def test_a_pickle_in_a_request_is_not_run(sklearn: ModelServer, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "touched",)  # type: ignore[return-value]

    status, _, body = sklearn.ask(npy(np.array([Evil()]), allow_pickle=True), "application/x-npy")
    assert status == 500
    assert b"allow_pickle=False" in body
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("content_type", "accept", "status"),
    [("image/png", "text/csv", 415), ("text/csv", "image/png", 415)],
)
def test_types_without_a_codec(sklearn: ModelServer, content_type: str, accept: str, status: int) -> None:
    got, _, body = sklearn.ask("1,2,3", content_type, accept)
    assert got == status
    assert body.startswith(b"Content type image/png is not supported by this framework.")


def test_sklearn_numbers_are_float32_and_a_row_is_flat(tmp_path: Path) -> None:
    code = "def model_fn(d): return 0\ndef predict_fn(data, m): return f'{data.dtype} {data.shape} {data}'"
    with ModelServer(write_model(tmp_path, code)) as server:
        for content_type, text in [("text/csv", "1,2.5"), ("application/json", "[1, 2.5]")]:
            assert json.loads(server.ask(text, content_type)[2]) == "float32 (2,) [1.  2.5]"
        assert json.loads(server.ask("1,\n3,4", "text/csv")[2]) == "float32 (2, 2) [[ 1. nan]\n [ 3.  4.]]"


SLOW = """
import threading, pathlib, os, time
folder = pathlib.Path(os.environ["SAGEWRIGHT_RUN_DIR"])
def model_fn(model_dir): return threading.current_thread() is threading.main_thread()
def transform_fn(model, body, content_type, accept):
    (folder / "begun").touch()
    while body == b"wait" and not (folder / "go").exists():
        time.sleep(0.01)
    return f"{model} {threading.current_thread() is threading.main_thread()}"
"""


def test_user_code_has_the_main_thread_and_pings_are_answered_beside_it(tmp_path: Path) -> None:
    with ModelServer(write_model(tmp_path, SLOW)) as server:
        server.wait_ready()
        replies: list[object] = []
        waiter = threading.Thread(target=lambda: replies.append(server.ask(b"wait", "a/b", "a/b")))
        waiter.start()
        while not (server.run_dir / "begun").exists():
            waiter.join(0.01)
        assert ping(server.socket).ok
        server.process.send_signal(signal.SIGTERM)
        (server.run_dir / "go").touch()
        waiter.join(30)
        assert replies == [(200, "a/b", b"True True")]
        assert server.wait_end() == 0, server.output()


def test_garbage_on_the_socket_ends_only_its_own_connection(steps: ModelServer) -> None:
    from sagewright_runtime.shared import sockets

    with sockets.connect(steps.socket, timeout=10) as vandal:
        vandal.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert vandal.recv(100) == b""
    assert steps.ask("4", "text/plain")[0] == 200


def test_a_module_in_a_subfolder_imports_from_the_top_of_the_code(tmp_path: Path) -> None:
    code = "from common import SCALE\nimport beside\ndef model_fn(folder): return SCALE * beside.TWO\n"
    code += "def transform_fn(model, body, kind, accept): return str(model), accept\n"
    write_model(tmp_path, "SCALE = 3", "common.py")
    (tmp_path / "code/serving").mkdir()
    (tmp_path / "code/serving/inference.py").write_text(code)
    (tmp_path / "code/serving/beside.py").write_text("TWO = 2")
    with ModelServer(tmp_path, SAGEMAKER_PROGRAM="serving/inference.py") as server:
        assert server.ask("", "text/plain")[2] == b"6"


def test_code_in_an_archive_where_tarfile_has_no_filters(tmp_path: Path) -> None:
    packed = tmp_path / "sourcedir.tar.gz"
    code = b"def model_fn(folder): return 1\ndef transform_fn(m, b, c, a): return 'here', a\n"
    with tarfile.open(packed, "w:gz") as archive:
        member = tarfile.TarInfo("inference.py")
        member.size = len(code)
        archive.addfile(member, io.BytesIO(code))
    env = old_tarfile(tmp_path / "site")
    with ModelServer(tmp_path, SAGEMAKER_SUBMIT_DIRECTORY=str(packed), **env) as server:
        assert server.ask("", "text/plain")[2] == b"here"


BLOCKING = """
import os, time
def model_fn(model_dir): return model_dir
def transform_fn(model, body, content_type, accept):
    if body == b"block":
        open(os.path.join(model, "begun"), "w").close()
        while not os.path.exists(os.path.join(model, "go")):
            time.sleep(0.001)
    return body, "text/plain"
"""


def test_pings_are_answered_and_requests_wait_while_a_function_blocks(tmp_path: Path) -> None:
    with ModelServer(write_model(tmp_path, BLOCKING)) as server:
        assert server.ask("first", "text/x")[2] == b"first"
        replies: list[Reply] = []
        asking = threading.Thread(target=lambda: replies.extend(server.ask_all([("block", "text/x", "")])))
        asking.start()
        eventually((tmp_path / "begun").exists, what=server.output)
        assert ping(server.socket).ok
        with sockets.connect(server.socket, timeout=30) as other:
            other.sendall(frames.encode(7, frames.INVOKE, b"content-type: text/x", b"second"))
            assert ping(server.socket).ok
            (tmp_path / "go").touch()
            assert frames.Splitter().feed(other.recv(1 << 16))[0].body == b"second"
        asking.join()
        assert replies[0][2] == b"block"
