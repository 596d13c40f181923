"""``examples/run.py``, which is ``make demo``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from tests.kit.client_environments import made
from tests.kit.eventually import eventually

ROOT = Path(__file__).parents[2]
RUN = [sys.executable, "examples/run.py"]


@pytest.mark.slow
def test_ctrl_c_ends_a_demo_without_a_traceback_and_leaves_nothing(tmp_path: Path) -> None:
    made("v2")
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*RUN, "churn_boto3.py"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 (it may be ignored)
    ) as demo:
        assert demo.stdout is not None
        said = demo.stdout.readline()  # "→ a server at …": everything is up, and the example begins
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does
        said += demo.communicate(timeout=60)[0]
    assert demo.returncode == 130, said
    assert "Traceback" not in said
    assert not list(tmp_path.glob("sagewright-*"))
    eventually(lambda: not alive(demo.pid), what=lambda: "a process of the demo is left")


def alive(group: int) -> bool:
    """Whether a process group has a process that runs; those that ended and wait for a parent do not count."""
    states = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout.split("\n")
    return any(fields[0] == str(group) and not fields[1].startswith("Z") for fields in map(str.split, states) if fields)


def test_an_example_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    for arguments in ([], ["churn.py"], ["../README.md"]):
        done = subprocess.run([*RUN, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2
        assert "churn_boto3.py|churn_sdk_v2.py|churn_sdk_v3.py|script_mode_sdk_v2.py" in done.stderr
