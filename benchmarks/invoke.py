"""InvokeEndpoint with a small XGBoost model, against the same model behind a hand-written FastAPI server."""

from __future__ import annotations

import io
import json
import random
import subprocess
import tarfile
import tempfile
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.tools import (
    PEER_PYTHON,
    ROLE,
    ROOT,
    client,
    free_port,
    keys_of,
    peer,
    sagewright_server,
    sign,
    span,
    table,
    until,
)
from sagewright.testing.server import ServerProcess

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
CONNECTIONS, TURNS, SECONDS = (1, 16, 64), 5, 3.0
FEATURES, OWN_FEATURES = 50, 20
OWN_IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"

TEXT = """\
## InvokeEndpoint, against FastAPI

One row of {features} numbers as text/csv to an XGBoost model of 100 trees. Ours is the whole way of a SageMaker client:
the signature is verified, the variant chosen, the request routed to the model server of an endpoint. The peer reads the
raw body with NumPy and calls `inplace_predict`, with no authentication, on uvicorn with uvloop and httptools; once with
one worker process, once with two. Both answer the same number.
"""
OWN_TEXT = """\
### A module of the user's own

The same functions on both sides: `input_fn` reads a row of {features} numbers as text/csv, `predict_fn` calls
`predict_proba` of a scikit-learn LogisticRegression, `output_fn` writes the number. Ours runs them in the scikit-learn
image by the inference contract, with the signature verified; the peer calls them from a FastAPI route without.
"""


def run() -> str:
    rows = []
    with tempfile.TemporaryDirectory() as name, sagewright_server() as server:
        folder = Path(name)
        deploy(server, folder)
        line = row_of(1)
        ours = prepare(server, line, folder)
        one, two = free_port(), free_port()
        script, model = ROOT / "benchmarks" / "fastapi_server.py", folder / "xgboost-model.json"
        with (
            peer(script, model, str(one), "1", port=one, wait_for="/ping"),
            peer(script, model, str(two), "2", port=two, wait_for="/ping"),
        ):
            plain = folder / "plain.http"
            plain.write_bytes(raw("/invocations", {"Host": "127.0.0.1", "Content-Type": "text/csv"}, line))
            same_answer(server, line, one)
            sides = {"ours": ours, "one": (one, plain), "two": (two, plain)}
            rows += race(sides)
    header = ["connections", "", "Sagewright", "FastAPI, 1 worker", "FastAPI, 2 workers", "ours / 1", "ours / 2"]
    return TEXT.format(features=FEATURES) + "\n" + table(header, rows) + "\n" + own_code()


def own_code() -> str:
    """The race with a module of the user's: the same functions behind both."""
    module, script = (ROOT / "benchmarks" / name for name in ("own_model.py", "fastapi_own_model.py"))
    with tempfile.TemporaryDirectory() as name, sagewright_server() as server:
        folder = Path(name)
        deploy_own(server, module)
        line = row_of(1, OWN_FEATURES)
        ours = prepare(server, line, folder)
        one, two = free_port(), free_port()
        with (
            peer(script, str(one), "1", port=one, wait_for="/ping"),
            peer(script, str(two), "2", port=two, wait_for="/ping"),
        ):
            plain = folder / "plain.http"
            plain.write_bytes(raw("/invocations", {"Host": "127.0.0.1", "Content-Type": "text/csv"}, line))
            same_answer(server, line, one)
            rows = race({"ours": ours, "one": (one, plain), "two": (two, plain)})
    header = ["connections", "", "Sagewright", "FastAPI, 1 worker", "FastAPI, 2 workers", "ours / 1", "ours / 2"]
    return OWN_TEXT.format(features=OWN_FEATURES) + "\n" + table(header, rows)


def race(sides: dict[str, tuple[int, Path]]) -> list[list[str]]:
    """The lines of a table: each side asked by each number of connections, in turns."""
    rows = []
    for connections in CONNECTIONS:
        turns = [{side: load(*where, connections) for side, where in sides.items()} for _ in range(TURNS)]
        rows += row(connections, turns)
    return rows


def deploy_own(server: ServerProcess, module: Path) -> None:
    """Put the module behind the endpoint ``bench``, in the scikit-learn image."""
    s3, sagemaker = client("s3", server), client("sagemaker", server)
    s3.create_bucket(Bucket="bench")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(module, "code/inference.py")
    s3.put_object(Bucket="bench", Key="own/model.tar.gz", Body=buffer.getvalue())
    container = {"Image": OWN_IMAGE, "ModelDataUrl": "s3://bench/own/model.tar.gz"}
    stand(sagemaker, container)


def stand(sagemaker: Any, container: dict[str, str]) -> None:
    """An endpoint ``bench`` of one model, in service."""
    sagemaker.create_model(ModelName="bench", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant: dict[str, Any] = {"VariantName": "all", "ModelName": "bench", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName="bench",
        ProductionVariants=[{**variant, "InstanceType": "ml.m5.large", "InitialVariantWeight": 1}],
    )
    sagemaker.create_endpoint(EndpointName="bench", EndpointConfigName="bench")
    until(lambda: sagemaker.describe_endpoint(EndpointName="bench")["EndpointStatus"] == "InService")


def row(connections: int, turns: list[dict[str, dict[str, float]]]) -> list[list[str]]:
    def column(side: str, what: str) -> list[float]:
        return [turn[side][what] for turn in turns]

    def ratio(side: str) -> str:
        return span([turn["ours"]["rps"] / turn[side]["rps"] for turn in turns], ".2f")

    rates = [span(column(side, "rps")) for side in ("ours", "one", "two")]
    tails = [span(column(side, "p99"), ".2f") for side in ("ours", "one", "two")]
    return [
        [str(connections), "requests a second", *rates, ratio("one"), ratio("two")],
        ["", "99th percentile, ms", *tails, "", ""],
    ]


def deploy(server: ServerProcess, folder: Path) -> None:
    """Train a model by the built-in algorithm, put it behind the endpoint ``bench``, keep its file for the peer."""
    s3, sagemaker = client("s3", server), client("sagemaker", server)
    s3.create_bucket(Bucket="bench")
    rows = "".join(f"{number % 2},{row_of(number)}\n" for number in range(2000))
    s3.put_object(Bucket="bench", Key="train/data.csv", Body=rows.encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bench/train/"}
    sagemaker.create_training_job(
        TrainingJobName="bench",
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={"objective": "binary:logistic", "num_round": "100", "max_depth": "5"},
        InputDataConfig=[
            {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}},
        ],
        OutputDataConfig={"S3OutputPath": "s3://bench/output"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    soon = {"Delay": 1, "MaxAttempts": 600}
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName="bench", WaiterConfig=soon)
    artifacts = "s3://bench/output/bench/output/model.tar.gz"
    s3.download_file("bench", artifacts.removeprefix("s3://bench/"), str(folder / "model.tar.gz"))
    with tarfile.open(folder / "model.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    convert = "import sys, xgboost; xgboost.Booster(model_file=sys.argv[1]).save_model(sys.argv[1] + '.json')"
    subprocess.run([PEER_PYTHON, "-c", convert, folder / "xgboost-model"], check=True)
    stand(sagemaker, {"Image": IMAGE, "ModelDataUrl": artifacts})


def same_answer(server: ServerProcess, line: str, port: int) -> None:
    """Raises when the two sides do not predict the same: then there is nothing to compare."""
    runtime = client("sagemaker-runtime", server)
    ours = runtime.invoke_endpoint(EndpointName="bench", ContentType="text/csv", Body=line)["Body"].read()
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("POST", "/invocations", line, {"Content-Type": "text/csv"})
        theirs = connection.getresponse().read()
    if abs(float(ours) - float(theirs)) > 1e-6:
        raise RuntimeError(f"{ours!r} here, {theirs!r} there")


def prepare(server: ServerProcess, line: str, folder: Path) -> tuple[int, Path]:
    """The port and a file with one signed request."""
    path = "/endpoints/bench/invocations"
    headers = sign(server.url + path, keys_of(server), "sagemaker", {"Content-Type": "text/csv"}, line.encode())
    parts = urlsplit(server.url)
    (folder / "signed.http").write_bytes(raw(path, {"Host": parts.netloc, **headers}, line))
    return parts.port or 0, folder / "signed.http"


def raw(path: str, headers: dict[str, str], body: str) -> bytes:
    fields = {**headers, "Content-Length": str(len(body))}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", body]
    return "\r\n".join(lines).encode()


def row_of(seed: int, features: int = FEATURES) -> str:
    """Features that lean a little with the parity of the seed, so that there is something to learn."""
    source = random.Random(seed)
    return ",".join(f"{source.gauss(0.3 * (seed % 2), 1):.4f}" for _ in range(features))


def load(port: int, request: Path, connections: int) -> dict[str, float]:
    script = ROOT / "benchmarks" / "load.py"
    command: list[str | Path] = [PEER_PYTHON, script, str(port), str(connections), str(SECONDS), request]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    if found["errors"]:
        raise RuntimeError(f"{found['errors']:.0f} requests went wrong on port {port}")
    return found
