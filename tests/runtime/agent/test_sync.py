"""What is followed of a job's directories, when the job does its worst."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.kit.eventually import eventually

from sagewright_runtime.agent.output import LogFile
from sagewright_runtime.agent.sync import Sync
from sagewright_runtime.shared import spool
from sagewright_runtime.shared.tree import Tree


class Followed:
    """A directory ``/opt/ml/saved`` that is followed, and what of it is in the spool."""

    def __init__(self, place: Path, **members: Any) -> None:
        self.place = place
        self.saved = place / "ml" / "saved"
        self.saved.mkdir(parents=True, exist_ok=True)
        self.most = members.pop("most", 0)
        entry = {"name": "out", "path": "/opt/ml/saved", "deletes": True, "markers": True, **members}
        self.document = {"command": {"sandbox": None}, "limits": {"disk_bytes": self.most}, "syncs": [entry]}
        self.hinted = threading.Event()

    def start(self) -> Sync:
        tree = Tree(str(self.place / "ml"), "/opt/ml")
        sync = Sync(tree, self.document, str(self.place), self.hinted.set, look_seconds=0.05)
        sync.start(LogFile(str(self.place / "log")))
        return sync

    def items(self) -> list[spool.Item]:
        directory = str(self.place / spool.DIRECTORY)
        found = (spool.read(directory, number) for number in spool.waiting(directory))
        return [item for item in found if item is not None]

    def waiting(self) -> dict[str, str | None]:
        return {item.name: None if item.deleted else Path(item.data).read_text() for item in self.items()}

    def log(self) -> str:
        return (self.place / "log").read_text()


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Followed]:
    return lambda **members: Followed(tmp_path, **members)


def test_what_is_new_changed_or_deleted_at_the_end_is_handed_on(made: Callable[..., Followed]) -> None:
    followed = made()
    for name in ("same", "changed", "gone"):
        (followed.saved / name).write_text(name)
    sync = followed.start()
    (followed.saved / "changed").write_text("changed again")
    (followed.saved / "gone").unlink()
    (followed.saved / "a" / "b").mkdir(parents=True)
    (followed.saved / "a" / "b" / "new").write_text("new")
    sync.finish()
    assert followed.waiting() == {"changed": "changed again", "gone": None, "a/b/new": "new"}
    assert followed.hinted.is_set()


def test_directories_nested_without_end_are_a_reason_and_no_fault_of_ours(made: Callable[..., Followed]) -> None:
    followed = made()
    sync = followed.start()
    script = "import os\nfor _ in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\nopen('x', 'w').close()"
    subprocess.run([sys.executable, "-c", script], cwd=followed.saved, check=True)
    try:
        with pytest.raises(OSError, match=r"nested too deep|Too many open files"):
            sync.finish()
    finally:
        subprocess.run(["rm", "-rf", "--", str(followed.saved)], check=True)


def test_a_directory_without_deletes_keeps_what_was_deleted(made: Callable[..., Followed]) -> None:
    followed = made(deletes=False)
    (followed.saved / "gone").write_text("gone")
    sync = followed.start()
    (followed.saved / "gone").unlink()
    sync.finish()
    assert followed.waiting() == {}


@pytest.mark.parametrize("replaced", ["by nothing", "by a link", "by a file", "by a link to itself"])
def test_a_directory_that_is_gone_deletes_nothing(made: Callable[..., Followed], replaced: str) -> None:
    followed = made()
    (followed.saved / "kept").write_text("kept")
    (followed.place / "elsewhere").mkdir()
    (followed.place / "elsewhere" / "secret").write_text("of the server")
    sync = followed.start()
    followed.saved.rename(followed.place / "ml" / "moved")
    if replaced == "by a link":
        followed.saved.symlink_to(followed.place / "elsewhere")
    elif replaced == "by a link to itself":
        followed.saved.symlink_to("saved")
    elif replaced == "by a file":
        followed.saved.write_text("x")
    sync.finish()
    assert followed.waiting() == {}


def test_only_regular_files_are_read(made: Callable[..., Followed]) -> None:
    followed = made()
    secret = followed.place / "secret"
    secret.mkdir()
    (secret / "key").write_text("of the server")
    sync = followed.start()
    (followed.saved / "key").symlink_to(secret / "key")
    (followed.saved / "all").symlink_to(secret)
    os.mkfifo(followed.saved / "pipe")
    (followed.saved / "file").write_text("x")
    sync.finish()
    assert followed.waiting() == {"file": "x"}


def test_markers_say_how_far_the_copy_of_a_file_is(made: Callable[..., Followed]) -> None:
    followed = made()
    sync = followed.start()
    uploading, uploaded = (followed.saved / f"epoch.sagemaker-{word}" for word in ("uploading", "uploaded"))
    (followed.saved / "epoch").write_text("1")
    (followed.saved / "other.sagemaker-ignore").write_text("half")
    eventually(uploading.exists, what=lambda: "a marker of the copy", seconds=30)
    eventually(followed.items, what=lambda: "the copy", seconds=30)
    assert not uploaded.exists()
    (item,) = followed.items()
    item.done()  # as the server does
    eventually(uploaded.exists, what=lambda: "a marker of the end", seconds=30)
    (followed.saved / "epoch").write_text("2, longer")
    eventually(lambda: not uploaded.exists(), what=lambda: "that the marker goes with the next copy", seconds=30)
    sync.finish()
    assert followed.waiting() == {"epoch": "2, longer"}


def test_a_directory_without_markers_gets_none_and_keeps_names_that_look_so(made: Callable[..., Followed]) -> None:
    followed = made(markers=False)
    sync = followed.start()
    (followed.saved / "x.sagemaker-ignore").write_text("a file as any other")
    eventually(followed.items, what=lambda: "the copy", seconds=30)
    sync.finish()
    assert followed.waiting() == {"x.sagemaker-ignore": "a file as any other"}
    assert [path.name for path in followed.saved.iterdir()] == ["x.sagemaker-ignore"]


def test_files_beyond_the_jobs_disk_are_refused_at_the_end(made: Callable[..., Followed]) -> None:
    followed = made(most=1 << 20)
    sync = followed.start()
    for name in ("a", "b"):
        with (followed.saved / name).open("wb") as file:
            file.truncate(600 << 10)
    with pytest.raises(OSError, match="more than the 1 MiB"):
        sync.finish()


@pytest.mark.slow
def test_a_server_that_is_away_does_not_let_copies_fill_the_disk(made: Callable[..., Followed]) -> None:
    followed = made()
    sync = followed.start()
    for number in range(1100):
        (followed.saved / str(number)).write_text(str(number))
    eventually(lambda: len(followed.items()) == 1000, what=lambda: str(len(followed.items())), seconds=60)
    for item in followed.items()[:50]:
        item.done()
    eventually(lambda: len(followed.items()) == 1000, what=lambda: str(len(followed.items())), seconds=60)
    for item in followed.items():
        item.done()
    sync.finish()
    left = followed.waiting()
    assert len(left) == 50
    assert all(name == text for name, text in left.items())


def test_a_deep_tree_does_not_end_what_follows_it(made: Callable[..., Followed]) -> None:
    followed = made()
    sync = followed.start()
    current = os.open(followed.saved, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=current)
        following = os.open("d", os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = following
    os.close(current)
    eventually(lambda: "cannot be copied to S3 while the job runs" in followed.log(), what=followed.log, seconds=30)
    with pytest.raises((OSError, RecursionError)):
        sync.finish()
    subprocess.run(["rm", "-rf", followed.saved], check=True)  # it is too deep for whoever clears up after tests
