"""The plain backend, for machines without user namespaces: the same API trains and serves, without isolation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kit.endpoints import Endpoints
from tests.kit.jobs import unpack
from tests.kit.servers import client, jobs_of
from tests.kit.transforms import LINES, transforms_of

from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", arguments=("--backend", "plain")) as server:
        yield server


def test_a_transform_job_asks_its_model(plain: ServerProcess) -> None:
    transforms = transforms_of(jobs_of(plain))
    assert transforms.completed({"a.csv": "1,2\n"}, **LINES) == {"a.csv.out": b"30.0\n"}


def test_a_script_trains_and_a_model_answers(plain: ServerProcess) -> None:
    jobs = jobs_of(plain)
    job = jobs.run("import os, pathlib; pathlib.Path(os.environ['SM_MODEL_DIR'], 'm').write_text('trained')")
    assert job["TrainingJobStatus"] == "Completed", job
    assert unpack(jobs.fetch(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"m": b"trained"}
    endpoints = Endpoints(jobs, client(plain, "sagemaker-runtime"))
    name = endpoints.create(endpoints.config(main={"ModelName": endpoints.model("plain")}))
    endpoints.wait(name)
    assert '"answer": "plain"' in endpoints.ask(name)[1]
