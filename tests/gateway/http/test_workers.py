"""Threads with a share for each holder."""

from __future__ import annotations

import subprocess
import sys
import threading

from tests.kit.http import eventually

from sagewright.gateway.http.workers import ANYBODY, Workers


def test_one_holder_has_no_more_than_its_share() -> None:
    workers, gate, begun = Workers("test", 4, 2), threading.Event(), []
    for number in range(5):
        assert workers.submit("a", lambda number=number: (begun.append(number), gate.wait(20)))  # type: ignore[misc]
    eventually(lambda: len(begun) == 2)
    done = threading.Event()
    assert workers.submit("b", done.set)
    assert done.wait(10), "others are served meanwhile"
    assert len(begun) == 2
    assert (workers.full("a"), workers.full("b"), workers.waiting) == (True, False, {"a"})
    gate.set()
    eventually(lambda: len(begun) == 5)
    assert begun[2:] == [2, 3, 4]
    eventually(lambda: not workers.full("a"))
    workers.close()


def test_where_too_many_wait_a_job_is_not_taken() -> None:
    workers, gate = Workers("test", 2, 1, waiting=1), threading.Event()
    assert [workers.submit("a", lambda: gate.wait(20) and None) for _ in range(3)] == [True, True, False]
    gate.set()
    workers.close()


def test_a_job_that_fails_frees_its_thread() -> None:
    workers, done = Workers("test", 1, 1), threading.Event()
    assert workers.submit("a", lambda: 1 // 0)  # type: ignore[arg-type, return-value]
    assert workers.submit("a", done.set)
    assert done.wait(10)
    workers.close()


def test_all_threads_taken_is_said_of_nobody() -> None:
    workers, gate = Workers("test", 2, 2), threading.Event()
    for holder in ("a", "b", "c"):
        workers.submit(holder, lambda: gate.wait(20) and None)
    assert workers.full("d")
    assert ANYBODY in workers.waiting
    gate.set()
    eventually(lambda: not workers.waiting)
    workers.close()


def test_a_job_that_never_ends_does_not_keep_the_process_alive() -> None:
    program = """
import threading
from sagewright.gateway.http.workers import LoopExecutor, Workers
for each in (Workers("test", 1, 1).submit, LoopExecutor(1).submit):
    each(*["", threading.Event().wait][-1 if each.__name__ == "submit" and "Loop" in each.__qualname__ else 0:])
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
