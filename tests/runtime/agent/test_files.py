"""What comes out of a job's tree, when the job did its worst."""

import os
from pathlib import Path

import pytest

from sagewright_runtime.agent.files import keep, said
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
