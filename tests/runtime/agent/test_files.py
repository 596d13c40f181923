"""What comes out of a job's tree, when the job did its worst."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sagewright_runtime.agent.files import Stopped, keep, lay_out, said
from sagewright_runtime.shared.tree import Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    for name in ("model", "output/data"):
        (tmp_path / "ml" / name).mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("of the server")
    return Tree(str(tmp_path / "ml"), "/opt/ml")


@pytest.mark.parametrize("path", ["/opt/ml/../../etc", "/etc/passwd", "/opt/mlx", "opt/ml", "/opt/ml/a/../../b"])
def test_a_path_outside_has_no_place(tree: Tree, path: str) -> None:
    with pytest.raises(ValueError, match="is not below /opt/ml"):
        tree.place(path)


def test_links_are_followed_as_the_job_saw_them(tree: Tree, tmp_path: Path) -> None:
    root = tmp_path / "ml"
    (root / "code").mkdir()
    (root / "absolute").symlink_to("/opt/ml/code")
    (root / "relative").symlink_to("absolute/../model")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to("../secret")
    (root / "loop").symlink_to("loop")
    assert tree.follow("/opt/ml/absolute/x") == f"{root}/code/x"
    assert tree.follow("/opt/ml/relative") == f"{root}/model"
    for name in ("out/key", "up/key", "loop"):
        assert tree.follow(f"/opt/ml/{name}") is None


@pytest.mark.parametrize("pack", [True, False])
def test_a_directory_replaced_by_a_link_gives_nothing_away(tree: Tree, tmp_path: Path, pack: bool) -> None:
    (tmp_path / "ml" / "output" / "data").rmdir()
    (tmp_path / "ml" / "output" / "data").symlink_to(tmp_path / "secret")
    (tmp_path / "ml" / "model").rmdir()
    (tmp_path / "ml" / "model").symlink_to("../../secret")
    (tmp_path / "ml" / "output" / "failure").symlink_to(tmp_path / "secret" / "key")
    outputs = [
        {"name": name, "path": f"/opt/ml/{name}", "pack": pack, "always": False} for name in ("output/data", "model")
    ]
    assert keep(tree, outputs, str(tmp_path / "outbox")) == {}
    assert said(tree, "failure") == ""


def test_a_failure_file_that_is_a_pipe_is_not_waited_for(tree: Tree, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ml" / "output" / "failure")
    assert said(tree, "failure") == ""


def test_the_same_files_pack_to_the_same_bytes(tree: Tree, tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / "ml" / "model" / name).write_text(name * 1000)
    outputs = [{"name": "model.tar.gz", "path": "/opt/ml/model", "pack": True, "always": False}]
    packed = [Path(keep(tree, outputs, str(tmp_path / box))["model.tar.gz"]).read_bytes() for box in ("one", "two")]
    assert packed[0] == packed[1]


def bomb(kind: str) -> bytes:
    """100 MiB of zeros in little."""
    zeros = bytes(100 << 20)
    if kind == "gunzip":
        return gzip.compress(zeros)
    if kind == "plain":
        return zeros
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("zeros")
        member.size = len(zeros)
        archive.addfile(member, io.BytesIO(zeros))
    return buffer.getvalue()


def order(tmp_path: Path, kind: str, **members: Any) -> dict[str, Any]:
    """An agent's order to bring in one file that is much more than it seems."""
    source = tmp_path / "source"
    source.write_bytes(bomb(kind))
    name = {"unpack": "source.tar.gz", "gunzip": "source.gz"}.get(kind, "source")
    entry = {"path": "/opt/ml/input/data/x", "unpack": False, "gunzip": False, kind: True, "files": [[name, source]]}
    return {"files": {}, "inputs": [entry], "limits": {"disk_bytes": 0}, **members}


def brought_in(tmp_path: Path) -> int:
    return sum(path.stat().st_size for path in (tmp_path / "ml").rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", ["gunzip", "unpack"])
def test_what_unpacks_to_more_than_the_job_may_have_ends_there(tree: Tree, tmp_path: Path, kind: str) -> None:
    with pytest.raises(ValueError, match="more bytes, unpacked, than the job may have on disk"):
        lay_out(tree, order(tmp_path, kind, limits={"disk_bytes": 20 << 20}), lambda: False)
    assert brought_in(tmp_path) <= 22 << 20


@pytest.mark.parametrize("kind", ["gunzip", "unpack", "plain"])
def test_what_is_brought_in_leaves_the_machine_its_reserve(tree: Tree, tmp_path: Path, kind: str) -> None:
    with pytest.raises(OSError, match="out of disk: the machine has"):
        lay_out(tree, order(tmp_path, kind, disk_reserve=1 << 62), lambda: False)
    assert brought_in(tmp_path) <= 66 << 20


@pytest.mark.parametrize("kind", ["gunzip", "unpack", "plain"])
def test_a_job_is_stopped_while_a_large_file_comes_in(tree: Tree, tmp_path: Path, kind: str) -> None:
    asked = iter([False])
    with pytest.raises(Stopped):
        lay_out(tree, order(tmp_path, kind), lambda: next(asked, True))
    assert brought_in(tmp_path) <= 66 << 20
