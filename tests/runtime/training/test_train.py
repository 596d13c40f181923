"""The ``train`` program where the toolkit is no guide: one process, signals, refusals, installed code."""

from __future__ import annotations

import argparse
import json
import os
import signal
import string
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kit.old_tarfile import old_tarfile
from tests.kit.training_cases import Case, script

import sagewright_runtime
from sagewright_runtime.training.environment import to_arguments, to_variables

TRAIN = Path(sagewright_runtime.__file__).parent / "bin/train"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
WORDS = st.text(string.ascii_letters + string.digits, min_size=1, max_size=10)
QUICK = settings(deadline=None, max_examples=50)


def start(case: Case, base: Path, **env: str) -> subprocess.Popen[str]:
    case.lay_out(base)
    variables = {"PATH": os.environ["PATH"], "SAGEMAKER_BASE_DIR": str(base), **env}
    return subprocess.Popen(
        [sys.executable, TRAIN], env=variables, cwd=base, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def run(case: Case, base: Path, **env: str) -> tuple[int, str, str]:
    return finish(start(case, base, **env))


def failure(base: Path) -> str:
    return (base / "output/failure").read_text()


def wait_for(path: Path) -> None:
    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end, f"{path} does not appear"
        time.sleep(0.01)


def test_a_script_is_main_as_python_would_have_it(tmp_path: Path) -> None:
    source = """
import __main__, multiprocessing, os, pickle, sys
from helper import answer
class Thing: pass
def work(n): return n * answer
if __name__ == "__main__":
    assert pickle.loads(pickle.dumps(Thing())).__class__ is Thing is __main__.Thing
    ours = [p for p in sys.path if "sagewright" in p and "site-packages" not in p and not p.startswith(os.getcwd())]
    assert not [p for p in ours if not p.endswith("/packages") and not os.path.exists(p + "/../pyproject.toml")]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, [1, 2]))
"""
    base = tmp_path / "ml"
    code, out, err = run(Case("main", {"train.py": source, "helper.py": "answer = 21"}), base)
    assert (code, out) == (0, "[21, 42]\n"), err
    assert (base / "output/success").exists()


def test_the_traceback_begins_in_the_users_file(tmp_path: Path) -> None:
    code, _, err = run(script("raises", "def f():\n    raise ValueError('x')\nf()\n"), tmp_path)
    trace = err[err.index("Traceback") :].splitlines()
    assert code == 1
    assert trace[1] == f'  File "{tmp_path}/code/train.py", line 3, in <module>'
    assert trace[-1] == "ValueError: x"
    assert "sagewright_runtime" not in err


def test_success_is_told_after_the_scripts_own_exit_handlers(tmp_path: Path) -> None:
    source = """
import atexit, os, threading, time
there = os.environ["SM_OUTPUT_DIR"] + "/success"
threading.Thread(target=lambda: (time.sleep(0.1), print("thread", os.path.exists(there)))).start()
atexit.register(lambda: print("handler", os.path.exists(there)))
"""
    code, out, _ = run(script("handlers", source), tmp_path)
    assert (code, out) == (0, "thread False\nhandler False\n")
    assert (tmp_path / "output/success").exists()


def test_a_forked_child_of_the_script_reports_nothing(tmp_path: Path) -> None:
    source = """
import os, sys
for end in ("sys.exit(5)", "raise OSError('child')"):
    child = os.fork()
    if child == 0:
        exec(end)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
    code, out, _ = run(script("forks", source), tmp_path)
    assert (code, out) == (0, "5\n1\n")
    assert not (tmp_path / "output/failure").exists()


def test_sigterm_reaches_the_script(tmp_path: Path) -> None:
    source = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("saved"), sys.exit(0)))
open(os.environ["SM_OUTPUT_DIR"] + "/ready", "w")
while True: time.sleep(1)
"""
    process = start(script("handles", source), tmp_path)
    wait_for(tmp_path / "output/ready")
    process.send_signal(signal.SIGTERM)
    assert finish(process)[:2] == (0, "saved\n")


@pytest.mark.parametrize("trap", ["trap 'echo saved; exit 0' TERM", ""])
def test_sigterm_reaches_a_shell_script(trap: str, tmp_path: Path) -> None:
    source = f"#!/bin/sh\n{trap}\ntouch $SM_OUTPUT_DIR/ready\nwhile true; do sleep 0.05; done\n"
    process = start(Case("shell", {"run.sh": source}, {"sagemaker_program": "run.sh"}), tmp_path)
    wait_for(tmp_path / "output/ready")
    process.send_signal(signal.SIGTERM)
    assert finish(process)[:2] == ((0, "saved\n") if trap else (143, ""))


@pytest.mark.parametrize(
    ("hyperparameters", "said"),
    [
        ({}, "no program to run"),
        ({"sagemaker_program": '"../train.py"'}, "'../train.py' cannot be used"),
        ({"sagemaker_program": '"-c"'}, "'-c' cannot be used"),
        ({"sagemaker_program": '"/etc/passwd"'}, "'/etc/passwd' cannot be used"),
        ({"sagemaker_program": '"a;b.sh"'}, "'a;b.sh' cannot be used"),
        ({"sagemaker_program": '"train.py"', "sagemaker_mpi_enabled": "true"}, "sagemaker_mpi_enabled"),
        ({"sagemaker_program": '"train.py"', "sagemaker_torch_distributed_enabled": "true"}, "not supported yet"),
        ({"sagemaker_program": '"nowhere.py"'}, "can't open file"),
    ],
)
def test_what_cannot_run_says_why(hyperparameters: dict[str, str], said: str, tmp_path: Path) -> None:
    code, out, err = run(Case("refused", hyperparameters=hyperparameters), tmp_path)
    assert (code, out) == (1, "")
    assert said in failure(tmp_path)
    assert said in err


def test_code_may_come_by_a_channel(tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text("print('from the archive')")
    (tmp_path / "ml/input/data/code").mkdir(parents=True)
    with tarfile.open(tmp_path / "ml/input/data/code/sourcedir.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "t.py", "train.py")
    where = "/opt/ml/input/data/code/sourcedir.tar.gz"
    case = Case("channel", {}, {"sagemaker_program": "train.py", "sagemaker_submit_directory": where})
    assert run(case, tmp_path / "ml")[:2] == (0, "from the archive\n")


def test_code_in_an_archive_where_tarfile_has_no_filters(tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text("print('from the archive')")
    with tarfile.open(tmp_path / "sourcedir.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "t.py", "train.py")
    source = str(tmp_path / "sourcedir.tar.gz")
    case = Case("old tarfile", {}, {"sagemaker_program": "train.py", "sagemaker_submit_directory": source})
    code, out, err = run(case, tmp_path / "ml", **old_tarfile(tmp_path / "site"))
    assert (code, out) == (0, "from the archive\n"), err


def test_code_that_reaches_outside_its_directory_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "sourcedir.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("../../train.py")
        archive.addfile(member)
    source = str(tmp_path / "sourcedir.tar.gz")
    case = Case("outside", {}, {"sagemaker_program": "train.py", "sagemaker_submit_directory": source})
    assert run(case, tmp_path / "ml")[0] == 1
    assert "sourcedir.tar.gz cannot be unpacked" in failure(tmp_path / "ml")


def test_code_that_is_not_here_is_named(tmp_path: Path) -> None:
    case = Case("gone", {}, {"sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://b/k.tar.gz"})
    assert run(case, tmp_path)[0] == 1
    assert "s3://b/k.tar.gz" in failure(tmp_path)


def test_requirements_are_installed_unless_the_server_did(tmp_path: Path) -> None:
    files = {"train.py": "print('ran')", "requirements.txt": "./nowhere\n"}
    assert run(Case("layered", files), tmp_path / "a", SAGEWRIGHT_REQUIREMENTS_LAYERED="1")[:2] == (0, "ran\n")
    code, _, _ = run(Case("not layered", files), tmp_path / "b")
    assert code == 1
    assert failure(tmp_path / "b").startswith("InstallRequirementsError:\nExitCode 1\n")
    assert "-m pip install" in failure(tmp_path / "b")


@pytest.mark.slow
def test_a_package_is_installed_beside_the_environment(tmp_path: Path, environment: Callable[[str], Path]) -> None:
    files = {
        "setup.py": "from setuptools import setup\nsetup(name='mine', packages=['mine'], package_dir={'': 'src'})\n",
        "src/mine/__init__.py": "answer = 42\n",
        "train.py": "import sys, mine\nprint(__name__, mine.answer, sys.argv[1:], 'packages-' in mine.__file__)\n",
    }
    root = environment("python-3")
    Case("package", files, {"sagemaker_program": "train.py", "n": "1"}).lay_out(tmp_path)
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    env = {"PATH": f"{root}/bin:{os.environ['PATH']}", "SAGEMAKER_BASE_DIR": str(tmp_path), **pip}
    done = subprocess.run([TRAIN], env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "__main__ 42 ['-n', '1'] True"
    assert not list(root.glob("lib/*/site-packages/mine*"))


def test_a_layered_environment_needs_no_pip(tmp_path: Path, environment: Callable[..., Path]) -> None:
    files = {"train.py": "import iniconfig\nprint('ran')", "requirements.txt": "iniconfig\n"}
    root = environment("python-3", "iniconfig")
    Case("layered", files).lay_out(tmp_path)
    env = {"PATH": f"{root}/bin:{os.environ['PATH']}", "SAGEMAKER_BASE_DIR": str(tmp_path)}
    done = subprocess.run([TRAIN], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr


def test_our_own_faults_have_an_exit_code_of_their_own(tmp_path: Path) -> None:
    case = Case("broken", resources={})
    assert run(case, tmp_path)[0] == 255
    assert failure(tmp_path).startswith("Framework Error: \nTraceback")


@QUICK
@given(st.dictionaries(WORDS.filter(lambda word: len(word) > 1), JSON.filter(lambda v: not isinstance(v, dict))))
def test_argparse_reads_the_arguments_back(values: dict[str, object]) -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in values:
        parser.add_argument(f"--{name}")
    arguments = to_arguments(values)
    joined = [f"{name}={text}" for name, text in zip(arguments[::2], arguments[1::2], strict=True)]
    expected = {name: "" if value is None else str(value) for name, value in values.items()}
    assert vars(parser.parse_args(joined)) == expected


@QUICK
@given(st.dictionaries(WORDS, JSON))
def test_variables_hold_text_or_json(values: dict[str, object]) -> None:
    variables = to_variables(values)
    for name, value in {name.upper(): value for name, value in values.items()}.items():
        text = variables[f"SM_{name}"]
        if value is None or isinstance(value, str):
            assert text == (value or "")
        else:
            assert json.loads(text) == value
            assert text.isascii()
