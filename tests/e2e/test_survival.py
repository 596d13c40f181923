"""``kill -9`` at any moment: what was acknowledged is kept, what ran is found again, nothing runs twice."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.kit.endpoints import Endpoints
from tests.kit.eventually import eventually
from tests.kit.jobs import Jobs, unpack
from tests.kit.processing import Processing
from tests.kit.servers import COUNTS_ITSELF, client, jobs_of
from tests.kit.transforms import LINES, Transforms, transforms_of

from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow


@pytest.fixture
def lasting(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that keeps its state."""
    server = ServerProcess(tmp_path / "data", ephemeral=False)
    server.start()
    yield server
    server.stop()
    eventually(lambda: not server.leftovers(), what=lambda: str(server.leftovers()), seconds=20)


def restart(server: ServerProcess) -> Jobs:
    server.kill()
    server.start()
    return jobs_of(server)


def test_a_job_that_ran_when_the_server_was_killed_ends_rightly_and_once(lasting: ServerProcess) -> None:
    jobs = jobs_of(lasting)
    name = jobs.start(COUNTS_ITSELF.replace("SECONDS", "3"))
    jobs.wait(name, lambda job: job["SecondaryStatus"] == "Training" and "start of the script" in jobs.log(name))
    jobs = restart(lasting)
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == "Completed", job
    assert [each["Status"] for each in job["SecondaryStatusTransitions"]] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert unpack(jobs.fetch(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"model.txt": b"trained once"}
    assert jobs.log(name).count("start of the script") == 1


def test_a_job_that_ended_while_the_server_was_down_is_told_rightly(lasting: ServerProcess) -> None:
    jobs = jobs_of(lasting)
    name = jobs.start(COUNTS_ITSELF.replace("SECONDS", "1"))
    jobs.wait(name, lambda job: "start of the script" in jobs.log(name))
    lasting.kill()
    eventually(lambda: list(lasting.data_dir.glob("runs/*/algo-1/exit.json")), what=lambda: "the agent did not end")
    lasting.start()
    job = jobs_of(lasting).wait(name)
    assert job["TrainingJobStatus"] == "Completed"


def test_kills_at_many_moments_lose_no_job_and_run_none_twice(lasting: ServerProcess) -> None:
    jobs = jobs_of(lasting)
    names: list[str] = []
    for round_ in range(6):
        token = uuid.uuid4().hex[:6]
        names += [
            jobs.start(COUNTS_ITSELF.replace("SECONDS", "0.2"), TrainingJobName=f"k-{token}-{i}") for i in range(2)
        ]
        time.sleep(0.04 * round_)  # the kill shall meet a different moment each time
        jobs = restart(lasting)
    for name in names:
        job = jobs.wait(name)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        assert jobs.log(name).count("start of the script") == 1


def test_a_processing_and_a_transform_job_survive_kills_and_save_each_output_once(lasting: ServerProcess) -> None:
    jobs = jobs_of(lasting)
    target = "s3://survivors/processed"
    out = {"out": {"S3Uri": target, "LocalPath": "/opt/ml/processing/out"}}
    script = COUNTS_ITSELF.replace('os.environ["SM_MODEL_DIR"]', '"/opt/ml/processing/out"').replace("SECONDS", "1.5")
    processed = Processing(jobs).start(script, outputs=out)
    transforms = transforms_of(jobs)
    rows = "".join(f"{number},1\n" for number in range(30))
    files: dict[str, str | bytes] = {"a.csv": rows, "b.csv": rows}
    transformed = transforms.start(files, BatchStrategy="SingleRecord", Environment={"SLEEP": "0.03"}, **LINES)
    kills = 0
    while kills < 8:  # through starting, running and saving of both
        time.sleep(0.1 * (kills % 3))
        jobs = restart(lasting)
        kills += 1
    job = Processing(jobs).wait(processed)
    assert job["ProcessingJobStatus"] == "Completed", job
    assert Processing(jobs).log(processed).count("start of the script") == 1
    assert jobs.below(target) == {"model.txt": b"trained once"}
    again = Transforms(jobs, transforms.model)
    job, written = again.wait(transformed)
    assert job["TransformJobStatus"] == "Completed", (job, again.log(transformed))
    answers = "".join(f"{(number + 1) * 10.0}\n" for number in range(30)).encode()
    assert written == {"a.csv.out": answers, "b.csv.out": answers}
    assert again.log(transformed).count("[transform] a.csv: 30 records") == 1


def test_an_endpoint_answers_again_after_the_server_was_killed(lasting: ServerProcess) -> None:
    jobs = jobs_of(lasting)
    endpoints = Endpoints(jobs, client(lasting, "sagemaker-runtime"))
    name = endpoints.create(endpoints.config(main={"ModelName": endpoints.model("steady")}))
    endpoints.wait(name)
    before = json.loads(endpoints.ask(name)[1])
    jobs = restart(lasting)
    again = Endpoints(jobs, client(lasting, "sagemaker-runtime"))

    def ask() -> Any:
        try:
            return json.loads(again.ask(name)[1])
        except again.runtime.exceptions.ClientError:
            return None

    answer = eventually(ask, what=lambda: "the endpoint is not routed again")
    assert answer == before, "the same model server answers"
    jobs.sagemaker.delete_endpoint(EndpointName=name)
    jobs.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
