"""Jobs that take all they can get: each is bounded, ends with a reason, and leaves nothing of what it took."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sagewright.backends.base import Limits, Output
from sagewright.backends.choose import BackendUnavailable, choose
from sagewright.backends.local import LocalBackend
from sagewright.backends.warm import WarmBackend
from sagewright.core.config import Settings
from sagewright.testing.runs import MEBIBYTE, Bench, only

USUAL = Limits(cpus=1, disk_bytes=48 * MEBIBYTE, max_runtime_seconds=60, grace_seconds=0.1)
pytestmark = pytest.mark.slow
DEEP = """\
import os, time
os.chdir("../model")
for _ in range(2200):
    os.mkdir("d")
    os.chdir("d")
"""


@dataclass(frozen=True)
class Greed:
    """A script, and what the reason and the output have to be."""

    name: str
    script: str
    reason: str
    line: str = ""
    limits: Limits = USUAL


GREEDS = [
    Greed(
        "disk",
        """
        import os
        for number in range(1_000_000):
            with open(f"/tmp/{number}", "wb") as file:
                os.posix_fallocate(file.fileno(), 0, 1 << 20)
        """,
        r"killed by SIGKILL \(exit code 137\): out of disk, \d+ MiB of 48 MiB limit",
    ),
    Greed(
        "holes",
        "open('../model/weights', 'wb').truncate(1 << 40)",
        "the outputs could not be kept: they have more than the 48 MiB that the job may have on disk",
    ),
    Greed(
        "one file under many names",
        """
        import os
        os.posix_fallocate(os.open("../model/0", os.O_CREAT | os.O_WRONLY), 0, 1 << 20)
        for number in range(1, 100):
            os.symlink("/opt/ml/model/0", f"../model/{number}")
        """,
        "the outputs could not be kept: they have more than the 48 MiB that the job may have on disk",
    ),
    Greed(
        "processes",
        """
        import os, time
        while True:
            try:
                os.fork()
            except OSError:
                time.sleep(0.05)
        """,
        "ran longer than 1.5 s and was stopped",
        limits=Limits(cpus=1, processes=40, max_runtime_seconds=1.5, grace_seconds=0.1),
    ),
    Greed(
        "threads",
        """
        import threading, time
        count = 0
        try:
            while count < 1000:
                threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
                count += 1
        except RuntimeError:
            print("at most", count <= 44)
        """,
        "",
        "at most True",
        Limits(cpus=1, processes=40),
    ),
    Greed(
        "files",
        """
        import os
        held = []
        try:
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError as error:
            held = [os.close(each) for each in held]
            print(error.strerror, len(held) <= 65_536)
        """,
        "",
        "Too many open files True",
    ),
    Greed(
        "memory that is files",
        """
        with open("/dev/shm/x", "wb") as file:
            while True:
                file.write(b"x" * (1 << 20))
        """,
        r"(killed by SIGKILL \(exit code 137\): )?out of memory, peak \d+ MiB of 100 MiB limit",
        limits=Limits(cpus=1, memory_bytes=100 * MEBIBYTE),
    ),
    Greed(
        "depth",
        DEEP,
        "the outputs could not be kept: File name too long: /opt/ml/model/d/d|.*nested too deep to be measured",
    ),
    Greed("depth while it runs", DEEP + "time.sleep(600)", r"killed by .*: its directories are nested too deep"),
    Greed(
        "tiny files",
        """
        import os
        for number in range(5_000):
            os.close(os.open(f"../model/{number}", os.O_CREAT))
        """,
        "",
    ),
]  # fmt: skip


@pytest.fixture(scope="module", params=["sandbox", "warm"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    def make(root: Path, hint_socket: Path) -> LocalBackend:
        if request.param == "warm":
            return WarmBackend(root, hint_socket, modules=lambda _: ("wave",))
        return choose(Settings(backend="sandbox", data_dir=root.parent), hint_socket)  # type: ignore[return-value]

    try:
        choose(Settings(data_dir=tmp_path_factory.mktemp("probe")))
    except BackendUnavailable as missing:
        pytest.skip(str(missing))
    bench = Bench(make, tmp_path_factory.mktemp("b"), sys.prefix)
    if isinstance(bench.backend, WarmBackend):
        assert bench.backend.warm_up(sys.prefix)
    yield bench
    bench.close()
    if isinstance(bench.backend, WarmBackend):
        bench.backend.close()


@pytest.mark.parametrize("greed", GREEDS, ids=lambda greed: greed.name)
def test_greed_is_bounded(bench: Bench, greed: Greed) -> None:
    outputs = (Output("model.tar.gz", "/opt/ml/model"),)
    workload = bench.workload(greed.script, limits=greed.limits, outputs=outputs)
    handle = bench.start(workload)
    other = bench.workload("print('undisturbed')")
    bench.wait(bench.start(other))
    assert bench.lines(other) == ["undisturbed"]
    ended = only(bench.wait(handle))
    assert re.match(f"({greed.reason})" if greed.reason else "$", ended.reason), ended
    assert bench.lines(workload)[:1] == [greed.line] * bool(greed.line)
    bench.backend.remove(handle)
    assert not (bench.place / "runs" / handle["run_id"]).exists()


def test_a_job_that_writes_while_the_disk_is_almost_full_is_ended(bench: Bench) -> None:
    backend = bench.backend
    assert isinstance(backend, LocalBackend)
    backend.disk_reserve = 1 << 60
    script = """
        import os, time
        for number in range(20_000):
            with open(f"/tmp/{number}", "wb") as file:
                os.posix_fallocate(file.fileno(), 0, 1 << 20)
            time.sleep(0.01)
    """
    try:
        quiet = bench.workload("import time; print('ready'); time.sleep(600)")
        calm = bench.start(quiet)
        bench.wait_for_line(quiet, "ready")
        report, _ = bench.run(script, limits=Limits(cpus=1, max_runtime_seconds=60))
        assert re.search(r"out of disk, \d+ MiB used while the machine has \d+ MiB left", only(report).reason)
        assert backend.poll(calm).stage == "running"
        backend.stop(calm, 1)
        bench.wait(calm)
    finally:
        backend.disk_reserve = 0
