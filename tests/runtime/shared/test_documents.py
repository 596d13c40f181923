"""What agents and servers say to each other through files."""

import os
import subprocess
import sys
from pathlib import Path

from sagewright_runtime.shared import documents


def test_a_document_is_replaced_whole(tmp_path: Path) -> None:
    path = str(tmp_path / "report.json")
    assert documents.read(path) is None
    documents.write(path, {"stage": "starting"})
    documents.write(path, {"stage": "running"}, durable=True)
    assert documents.read(path) == {"stage": "running"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_an_instance_has_one_agent_for_ever(tmp_path: Path) -> None:
    place = str(tmp_path)
    assert documents.claimed(place) == ""
    assert documents.claim(place)
    assert not documents.claim(place)
    assert documents.pid_of(documents.claimed(place)) == os.getpid()


def test_the_dead_have_no_pid() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        mark = documents.identity(process.pid)
        assert documents.pid_of(mark) == process.pid
        assert process.stdin is not None
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert documents.pid_of(mark) == 0  # a zombie is dead
    assert documents.pid_of(mark) == 0
    assert documents.pid_of("") == 0


def test_a_pid_used_again_is_another_process() -> None:
    boot, pid, start = documents.identity(os.getpid()).split()
    assert documents.pid_of(f"{boot} {pid} {int(start) - 1}") == 0
