"""Checkpoints while the server is killed: nothing is lost, nothing comes twice, the job does not notice."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kit.eventually import eventually
from tests.kit.servers import jobs_of

from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow
WRITES = """
import os, threading, time
import boto3
root = "/opt/ml/checkpoints/"
ended = threading.Event()
def look():
    while not ended.is_set():
        try:
            boto3.client("s3").head_object(Bucket=os.environ["BUCKET"], Key=os.environ["SIGN"])
            print("seen", flush=True)
            ended.set()
        except Exception:
            time.sleep(0.2)
threading.Thread(target=look, daemon=True).start()
number = 0
more = 5
while more:
    more -= ended.is_set()
    open(root + "epoch-%d" % number, "w").write("weights of %d" % number)
    open(root + "latest.new", "w").write(str(number))
    os.rename(root + "latest.new", root + "latest")
    if number >= 20:
        os.remove(root + "epoch-%d" % (number - 20))
    number += 1
    time.sleep(0.4)
print("made", number, flush=True)
"""


@pytest.fixture
def lasting(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that keeps its state."""
    server = ServerProcess(tmp_path / "data", ephemeral=False)
    server.start()
    yield server
    server.stop()
    eventually(lambda: not server.leftovers(), what=lambda: str(server.leftovers()), seconds=20)


def test_a_server_killed_while_checkpoints_are_copied_loses_none_of_them(lasting: ServerProcess) -> None:
    jobs = jobs_of(lasting)
    where, sign = jobs.put({"restored": "of the job before"}), f"sign-{uuid.uuid4().hex}"
    name = jobs.start(WRITES, CheckpointConfig={"S3Uri": where}, Environment={"BUCKET": jobs.bucket, "SIGN": sign})

    def waiting(what: str) -> None:
        """Until something is in the spool."""
        eventually(lambda: list(lasting.data_dir.glob("runs/*/algo-1/spool/*.data")), what=lambda: what, seconds=60)

    for _ in range(2):
        waiting("a copy")
        lasting.kill()
        waiting("more while the server is away")
        lasting.start()
    jobs = jobs_of(lasting)
    jobs.s3.put_object(Bucket=jobs.bucket, Key=sign, Body=b"")
    jobs.wait(name, lambda _: "seen" in jobs.log(name))
    lasting.kill()
    eventually(
        lambda: list(lasting.data_dir.glob("runs/*/algo-1/exit.json")), what=lambda: "the end of the agent", seconds=60
    )
    lasting.start()
    jobs = jobs_of(lasting)
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == "Completed", job
    made = [line for line in jobs.log(name) if line.startswith("made ")]
    assert len(made) == 1, jobs.log(name)
    count = int(made[0].split()[1])
    assert jobs.below(where) == {
        "restored": b"of the job before",
        "latest": str(count - 1).encode(),
        **{f"epoch-{number}": f"weights of {number}".encode() for number in range(max(0, count - 20), count)},
    }
    assert not [line for line in jobs.log(name) if line.startswith("sagewright: ")]
    eventually(
        lambda: not list((lasting.data_dir / "runs").iterdir()), what=lambda: "the run to be removed", seconds=20
    )


def test_the_next_job_goes_on_where_a_killed_one_was(lasting: ServerProcess) -> None:
    """The machine of the first job died, and its agent with it: what was copied by then is there for the next."""
    jobs = jobs_of(lasting)
    where = jobs.put({})
    script = """
import os, pathlib, time
place = pathlib.Path("/opt/ml/checkpoints")
done = {path.name for path in place.iterdir()}
print("found", sorted(done), flush=True)
(place / f"part-{len(done)}").write_text("x")
if not done:
    while not (place / "part-0.sagemaker-uploaded").exists():
        time.sleep(0.05)
    print("copied", flush=True)
    time.sleep(600)
"""
    first = jobs.start(script, CheckpointConfig={"S3Uri": where})
    jobs.wait(first, lambda _: "copied" in jobs.log(first))
    for agent in lasting.data_dir.glob("runs/*/algo-1/agent.pid"):
        os.kill(int(agent.read_text().split()[1]), signal.SIGKILL)
    assert jobs.wait(first)["TrainingJobStatus"] == "Failed"
    second = jobs.run(script, CheckpointConfig={"S3Uri": where})
    assert second["TrainingJobStatus"] == "Completed"
    assert "found ['part-0']" in jobs.log(second["TrainingJobName"])
    assert set(jobs.below(where)) == {"part-0", "part-1"}
