"""Archives of several hosts, written as agents write them and put together as the server does."""

from __future__ import annotations

import io
import tarfile
import uuid
from pathlib import Path

import pytest
from tests.kit.jobs import Jobs, unpack

from sagewright.engine.archives import merge
from sagewright_runtime.agent.files import keep
from sagewright_runtime.shared.tree import Tree


def part(place: Path, files: dict[str, str | None]) -> Path:
    """The part of one host whose directory has these files; None is an empty directory."""
    for name, text in files.items():
        path = place / "ml" / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.mkdir()
        else:
            path.write_text(text)
    output = {"name": "model.tar.gz", "path": "/opt/ml/model", "pack": True, "always": False}
    kept = keep(Tree(str(place / "ml"), "/opt/ml"), [output], str(place / "outbox"), part=True)
    return Path(kept["model.tar.gz"])


def members(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return sorted(tar.getnames())


def test_the_whole_has_the_files_of_all_parts(tmp_path: Path) -> None:
    shared = {"shared/name-longer-than-a-tar-has-room-for/" + "n" * 120: "long", "empty": None}
    parts = [
        part(tmp_path / "1", {"a": "1", "shared/of-1": "x" * 700_000, **shared}),
        part(tmp_path / "2", {"b": "2", "shared/of-2": "y", "ünï": "code"}),
    ]
    assert merge(parts, tmp_path / "whole") == []
    whole = (tmp_path / "whole").read_bytes()
    long = next(iter(shared))
    assert unpack(whole) == {
        **{"a": b"1", "shared/of-1": b"x" * 700_000, "b": b"2", "shared/of-2": b"y", "ünï": b"code"},
        long: b"long",
    }
    assert members(whole).count("shared") == 1
    assert "empty" in members(whole)


def test_a_name_of_several_parts_is_the_first_ones(tmp_path: Path) -> None:
    parts = [
        part(tmp_path / "1", {"same": "of 1", "file-or-directory": "a file", "directory": None, "z": "1"}),
        part(tmp_path / "2", {"same": "of 2", "file-or-directory/x": "y", "directory": "a file", "only-2": "2"}),
        part(tmp_path / "3", {"same": "of 3", "directory/of-3": "3"}),
    ]
    left_out = merge(parts, tmp_path / "whole")
    assert sorted(left_out) == ["directory", "file-or-directory", "file-or-directory/x", "same", "same"]
    whole = (tmp_path / "whole").read_bytes()
    assert unpack(whole) == {
        "same": b"of 1",
        "file-or-directory": b"a file",
        "z": b"1",
        "only-2": b"2",
        "directory/of-3": b"3",
    }
    assert len(members(whole)) == len(set(members(whole)))


SCRIPT = """
import os, pathlib
host = os.environ["SM_CURRENT_HOST"]
for place in ("/opt/ml/model", "/opt/ml/output/data"):
    os.makedirs(place, exist_ok=True)
    pathlib.Path(place, "of-" + host).write_text(host)
    pathlib.Path(place, "same").write_text(host)
"""


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["GZIP", "NONE"])
def test_a_job_of_several_hosts_keeps_the_files_of_all(jobs: Jobs, compression: str) -> None:
    job = jobs.run(
        SCRIPT,
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 3, "VolumeSizeInGB": 1},
        OutputDataConfig={"S3OutputPath": jobs.put({}, f"out-{uuid.uuid4().hex}"), "CompressionType": compression},
    )
    assert job["TrainingJobStatus"] == "Completed", job
    expected = {f"of-algo-{number}": f"algo-{number}".encode() for number in (1, 2, 3)} | {"same": b"algo-1"}
    where = f"{job['OutputDataConfig']['S3OutputPath']}/{job['TrainingJobName']}/output"
    if compression == "NONE":
        assert jobs.below(f"{where}/model") == jobs.below(f"{where}/output") == expected
        return
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"{where}/model.tar.gz"
    assert unpack(jobs.fetch(f"{where}/model.tar.gz")) == unpack(jobs.fetch(f"{where}/output.tar.gz")) == expected
    log = "\n".join(jobs.log(job["TrainingJobName"]))
    assert "several hosts wrote the same names; model.tar.gz has the first host's of 'same'" in log


@pytest.mark.slow
def test_what_one_of_several_hosts_made_is_kept(jobs: Jobs) -> None:
    script = """
import os
if os.environ["SM_CURRENT_HOST"] == "algo-2":
    open("/opt/ml/model/weights", "w").write("2")
"""
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    job = jobs.run(script, ResourceConfig=resources)
    assert unpack(jobs.fetch(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"weights": b"2"}
