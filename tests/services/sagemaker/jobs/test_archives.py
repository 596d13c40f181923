"""Archives made to harm, where they are unpacked for a job: it fails and names the file; the disk is free again."""

from __future__ import annotations

import gzip
import io
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.kit.endpoints import SKLEARN
from tests.kit.eventually import eventually
from tests.kit.jobs import ROLE, Jobs

from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow
MIB = 1 << 20


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made


def packed(*members: tarfile.TarInfo) -> bytes:
    """A .tar.gz of members full of zeros, in as many gzip streams as they have MiB: 1 GiB takes 1 MiB."""
    zeros = gzip.compress(bytes(MIB), 1)
    found = b""
    for each in members:
        whole, rest = divmod(-(-each.size // 512) * 512, MIB)
        found += gzip.compress(each.tobuf(tarfile.GNU_FORMAT)) + zeros * whole + gzip.compress(bytes(rest))
    return found + gzip.compress(bytes(1024))


BOMBS: dict[str, Callable[[], bytes]] = {
    "a file of 2 GiB": lambda: packed(member("train.py", size=2048 * MIB)),
    "files of 1.06 GiB together": lambda: packed(*(member(f"{number}", size=64 * MIB) for number in range(17))),
    "a file that says it has 8 GiB": lambda: packed(member("train.py", size=8 << 30))[:100_000],
    "a name of 300 MiB": lambda: packed(member("x", tarfile.GNUTYPE_LONGNAME, size=300 * MIB)),
    "attributes of 300 MiB": lambda: packed(member("x", tarfile.XHDTYPE, size=300 * MIB)),
    "gzip in gzip without end": lambda: gzip.compress(gzip.compress(bytes(64 * MIB))),
    "a link out": lambda: packed(member("out", tarfile.SYMTYPE, "/etc"), member("out/passwd", size=1)),
    "a hard link out": lambda: packed(member("out", tarfile.LNKTYPE, "../../../../../../etc/passwd")),
    "a way out": lambda: packed(member("../../../../../../tmp/escape", size=1)),
    "a device": lambda: packed(member("disk", tarfile.BLKTYPE)),
    "a pipe": lambda: packed(member("pipe", tarfile.FIFOTYPE)),
    "half an archive": lambda: packed(member("train.py", size=MIB))[:700],
    "no archive": lambda: b"no archive",
}


def memory(server: ServerProcess) -> int:
    """The most bytes of memory that the server ever had."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.parametrize("bomb", BOMBS)
def test_code_that_cannot_be_unpacked_fails_the_job(server: ServerProcess, jobs: Jobs, bomb: str) -> None:
    uri = jobs.put({"sourcedir.tar.gz": BOMBS[bomb]()}) + "/sourcedir.tar.gz"
    before, runs = memory(server), set((server.data_dir / "runs").iterdir())
    job = jobs.run("", hyperparameters={"sagemaker_submit_directory": uri})
    assert job["TrainingJobStatus"] == "Failed"
    assert "sourcedir.tar.gz cannot be unpacked" in job["FailureReason"]
    assert memory(server) - before < 100 * MIB
    left = lambda: set((server.data_dir / "runs").iterdir()) - runs  # noqa: E731
    eventually(lambda: not left(), what=lambda: str(left()))
    assert not Path("/tmp/escape").exists()


@pytest.mark.parametrize("bomb", ["a file of 2 GiB", "a name of 300 MiB", "a link out"])
def test_a_model_that_cannot_be_unpacked_fails_the_endpoint(
    server: ServerProcess, client: Callable[..., Any], jobs: Jobs, bomb: str
) -> None:
    name = f"bomb-{uuid.uuid4().hex[:10]}"
    uri = jobs.put({"model.tar.gz": BOMBS[bomb]()}) + "/model.tar.gz"
    it, before = client("sagemaker"), memory(server)
    it.create_model(ModelName=name, PrimaryContainer={"Image": SKLEARN, "ModelDataUrl": uri}, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    it.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    it.create_endpoint(EndpointName=name, EndpointConfigName=name)
    last: list[Any] = []

    def failed() -> bool:
        last[:] = [it.describe_endpoint(EndpointName=name)]
        return bool(last[0]["EndpointStatus"] == "Failed")

    eventually(failed, what=lambda: str(last), seconds=60)
    assert "model.tar.gz cannot be unpacked" in last[0]["FailureReason"]
    assert memory(server) - before < 100 * MIB
    it.delete_endpoint(EndpointName=name)


def test_what_a_channel_brings_is_laid_out_and_not_unpacked(jobs: Jobs) -> None:
    """An archive among the data is the job's own affair."""
    uri = jobs.put({"bomb.tar.gz": BOMBS["a link out"]()})
    channel = {
        "ChannelName": "train",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
    }
    listing = "import os\nprint('found', os.listdir('/opt/ml/input/data/train'))"
    name = jobs.start(listing, InputDataConfig=[channel])
    assert jobs.wait(name)["TrainingJobStatus"] == "Completed"
    assert any("found ['bomb.tar.gz']" in line for line in jobs.log(name))


def test_modes_and_owners_of_an_archive_count_for_nothing(jobs: Jobs) -> None:
    script = member("train.py", size=0)
    tool = member("tool", size=1)
    tool.mode, tool.uid = 0o6777, 0
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        code = (
            b"import os\ns = os.stat('/opt/ml/code/tool')\n"
            b"print('mode', oct(s.st_mode & 0o7022), os.getuid() == s.st_uid)"
        )
        script.size = len(code)
        tar.addfile(script, io.BytesIO(code))
        tar.addfile(tool, io.BytesIO(b"x"))
    uri = jobs.put({"sourcedir.tar.gz": body.getvalue()}) + "/sourcedir.tar.gz"
    job = jobs.run("", hyperparameters={"sagemaker_submit_directory": uri})
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert any("mode 0o0 True" in line for line in jobs.log(job["TrainingJobName"]))
