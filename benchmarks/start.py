"""From CreateTrainingJob to the first line of the user's script and to a trained model, against doing it by hand."""

from __future__ import annotations

import io
import random
import subprocess
import tarfile
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.tools import ROLE, client, sagewright_server, span, table, until
from sagewright.core.config import Settings
from sagewright.environments.builder import Builder
from sagewright.environments.catalog import resolve

BARE = "import sys, time\n"
IMPORTS = "import sys, time\nimport numpy, pandas, sklearn.ensemble, sklearn.model_selection\n"
FIRST_LINE = "print('FIRST-LINE', time.time(), flush=True)\n"
TRAIN = """\
import numpy, sys, xgboost
rows = numpy.loadtxt(sys.argv[1], delimiter=",")
booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(rows[:, 1:], rows[:, 0]), 10)
booster.save_model(sys.argv[2])
"""
REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
SKLEARN = f"{REGISTRY}/sagemaker-scikit-learn:1.2-1-cpu-py3"
XGBOOST = f"{REGISTRY}/sagemaker-xgboost:3.2-0"
TURNS = 9


@dataclass
class Job:
    """Seconds to the script's first line (0 without a script) and to the end."""

    first: float
    ended: float


@dataclass
class Measured:
    """The turns of one way to start."""

    first: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)

    def add(self, job: Job) -> None:
        self.first.append(job.first)
        self.ended.append(job.ended)


class Bench:
    """A server with scripts and data in it."""

    def __init__(self, server: Any) -> None:
        self._s3, self._sagemaker, self._logs = (client(name, server) for name in ("s3", "sagemaker", "logs"))
        self._count = 0
        self._s3.create_bucket(Bucket="bench")
        for name, script in (("bare", BARE), ("imports", IMPORTS)):
            self._s3.put_object(Bucket="bench", Key=f"{name}.tar.gz", Body=packed((script + FIRST_LINE).encode()))
        self._s3.put_object(Bucket="bench", Key="train/data.csv", Body=csv().encode())

    def script(self, name: str) -> Job:
        return self._job(
            SKLEARN,
            {"sagemaker_program": '"script.py"', "sagemaker_submit_directory": f'"s3://bench/{name}.tar.gz"'},
        )

    def xgboost(self) -> Job:
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bench/train"}}
        channel = {"ChannelName": "train", "ContentType": "text/csv", "DataSource": source}
        return self._job(XGBOOST, {"num_round": "10", "objective": "binary:logistic"}, InputDataConfig=[channel])

    def _job(self, image: str, hyperparameters: dict[str, str], **members: Any) -> Job:
        self._count += 1
        name = f"turn-{self._count}"
        start = time.time()
        self._sagemaker.create_training_job(
            TrainingJobName=name,
            RoleArn=ROLE,
            AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
            HyperParameters=hyperparameters,
            OutputDataConfig={"S3OutputPath": "s3://bench/output"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            **members,
        )

        def settled() -> Any:
            found = self._sagemaker.describe_training_job(TrainingJobName=name)
            return found["TrainingJobStatus"] in ("Completed", "Failed") and found

        described = until(settled, seconds=600)
        ended = time.time() - start
        if described["TrainingJobStatus"] != "Completed":
            raise RuntimeError(described["FailureReason"])
        if "sagemaker_program" not in hyperparameters:
            return Job(0.0, ended)
        return Job(float(until(lambda: self._first_line(name)).split()[1]) - start, ended)

    def _first_line(self, name: str) -> str:
        events = self._logs.filter_log_events(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/"
        )["events"]
        return next((event["message"] for event in events if event["message"].startswith("FIRST-LINE")), "")


def run() -> str:
    measured = {f"{kind} {way}": Measured() for kind in ("cold", "warm", "hand") for way in ("bare", "imports", "xgb")}
    with (
        sagewright_server("--backend", "sandbox") as one,
        sagewright_server("--backend", "warm") as other,
        tempfile.TemporaryDirectory() as folder,
    ):
        cold, warm = Bench(one), Bench(other)
        hand = ByHand(Path(folder))
        cold.script("imports"), cold.xgboost()
        for job in (lambda: warm.script("imports"), warm.xgboost):  # the first of an image starts its zygote
            slow = job().ended  # type: ignore[no-untyped-call]
            until(lambda job=job, slow=slow: job().ended < slow / 2, seconds=60)  # type: ignore[misc]
        for _ in range(TURNS):
            measured["cold bare"].add(cold.script("bare"))
            measured["warm bare"].add(warm.script("bare"))
            measured["hand bare"].add(hand.script(BARE))
            measured["cold imports"].add(cold.script("imports"))
            measured["warm imports"].add(warm.script("imports"))
            measured["hand imports"].add(hand.script(IMPORTS))
            measured["cold xgb"].add(cold.xgboost())
            measured["warm xgb"].add(warm.xgboost())
            measured["hand xgb"].add(hand.xgboost())
    return page(measured)


class ByHand:
    """The same work without a platform: ``python script.py`` in the same environments."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sklearn, self._xgboost = (python(image) for image in (SKLEARN, XGBOOST))
        (folder / "data.csv").write_text(csv())

    def script(self, imports: str) -> Job:
        path = self._folder / "script.py"
        path.write_text(imports + FIRST_LINE)
        start = time.time()
        done = subprocess.run([self._sklearn, path], capture_output=True, text=True, check=True)
        return Job(float(done.stdout.split()[1]) - start, time.time() - start)

    def xgboost(self) -> Job:
        path, model = self._folder / "train.py", self._folder / "model.json"
        path.write_text(TRAIN)
        start = time.time()
        subprocess.run(
            [self._xgboost, path, self._folder / "data.csv", model], capture_output=True, text=True, check=True
        )
        return Job(0.0, time.time() - start)


def page(measured: dict[str, Measured]) -> str:
    rows = [
        ["script that imports nothing → its first line", *columns(measured, "bare", "first")],
        ["script that imports numpy, pandas, scikit-learn → its first line", *columns(measured, "imports", "first")],
        ["script that imports nothing → Completed is seen, model uploaded", *columns(measured, "bare", "ended")],
        ["10 rounds of XGBoost on 200 rows → Completed is seen, model uploaded", *columns(measured, "xgb", "ended")],
    ]
    return (
        "## Starting a job\n\nSeconds from CreateTrainingJob through boto3, with the warm backend and with the sandbox "
        "alone; by hand\nis `python script.py` in the same environment, for XGBoost a script that reads, trains and "
        "saves.\n\n" + table(["", "warm", "sandbox", "by hand", "warm ÷ by hand", "sandbox ÷ by hand"], rows)
    )


def columns(measured: dict[str, Measured], way: str, what: str) -> list[str]:
    """Seconds of the three, and the ratios within each turn."""
    warm, cold, hand = (getattr(measured[f"{kind} {way}"], what) for kind in ("warm", "cold", "hand"))
    ratios = ([ours / theirs for ours, theirs in zip(each, hand, strict=True)] for each in (warm, cold))
    return [*(span(each, ".3f") for each in (warm, cold, hand)), *(span(each, ".2f") for each in ratios)]


def python(image: str) -> Path:
    """The interpreter of an image's environment."""
    return Builder(Settings.from_env().cache_dir).build(resolve(image)) / "bin/python"


def csv() -> str:
    drawn = random.Random(7)
    return "\n".join(f"{n % 2},{drawn.random() + n % 2},{drawn.random()}" for n in range(200)) + "\n"


def packed(script: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("script.py")
        member.size = len(script)
        archive.addfile(member, io.BytesIO(script))
    return buffer.getvalue()
