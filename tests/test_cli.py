"""The ``sagewright`` command as a newcomer meets it: what it says when something is not as it should be."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kit.eventually import eventually

from sagewright.testing.server import ServerProcess, sagewright


def run(*arguments: object, cwd: Path | None = None, **env: str | None) -> subprocess.CompletedProcess[str]:
    """``sagewright ARGUMENTS``; an environment variable that is None is taken away."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("SAGEWRIGHT_")}
    merged = {name: value for name, value in {**others, **env}.items() if value is not None}
    command = [sagewright(), *map(str, arguments)]
    return subprocess.run(command, env=merged, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


def refused(*arguments: object, **env: str | None) -> str:
    """The one line that a command says when it cannot do what it is asked."""
    done = run(*arguments, **env)
    assert done.returncode == 2, done
    assert done.stderr.startswith("sagewright: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that keeps its state."""
    with ServerProcess(tmp_path_factory.mktemp("kept") / "data", ephemeral=False) as server:
        yield server


# --- up: what to type next ---------------------------------------------------------------------------------------


def test_a_server_that_is_ready_says_what_to_type_next(kept: ServerProcess) -> None:
    hint = re.compile(r'in another shell: (eval "\$\(.*\)")')  # said right after the line that the fixture waits for
    command = eventually(lambda: hint.search(kept.log_tail()), what=kept.log_tail)
    script = f"{command[1]}; printenv AWS_ENDPOINT_URL"
    printed = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert printed.stdout.decode().strip() == kept.url


# --- env ---------------------------------------------------------------------------------------------------------


def test_exports_of_a_server_that_runs_come_without_a_word(kept: ServerProcess) -> None:
    done = run("env", "--data-dir", kept.data_dir)
    assert (done.returncode, done.stderr) == (0, "")


def test_exports_of_a_server_that_does_not_run_come_with_a_warning(tmp_path: Path) -> None:
    """They are printed all the same: without them the next call would go to AWS itself."""
    with ServerProcess(tmp_path / "data", ephemeral=False) as ended:
        url = ended.url
    done = run("env", "--data-dir", ended.data_dir)
    assert done.returncode == 1
    assert f"export AWS_ENDPOINT_URL={url}" in done.stdout
    assert url in done.stderr
    assert f"up --data-dir {ended.data_dir}" in done.stderr


def test_exports_need_a_server_that_once_ran(tmp_path: Path) -> None:
    assert "sagewright up" in refused("env", "--data-dir", tmp_path / "none")


# --- settings ----------------------------------------------------------------------------------------------------


def test_a_misspelt_variable_is_named_with_the_one_that_is_meant(kept: ServerProcess) -> None:
    done = run("env", "--data-dir", kept.data_dir, SAGEWRIGHT_BAKEND="plain", SAGEWRIGHT_S3BUCKET="b")
    assert done.returncode == 0
    assert "SAGEWRIGHT_BAKEND has no effect: is SAGEWRIGHT_BACKEND meant?" in done.stderr
    assert "SAGEWRIGHT_S3BUCKET has no effect: is SAGEWRIGHT_S3_BUCKET meant?" in done.stderr


def test_a_variable_like_no_setting_is_named_alone(kept: ServerProcess) -> None:
    """It is no error: Kubernetes sets such variables for a service of this name."""
    done = run("env", "--data-dir", kept.data_dir, SAGEWRIGHT_SERVICE_HOST_QQ="10.0.0.1")
    assert (done.returncode, done.stderr) == (0, "sagewright: SAGEWRIGHT_SERVICE_HOST_QQ has no effect\n")


# --- Ctrl-C ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "number", "flags"),
    [
        ("argparse", signal.SIGINT, ()),
        ("sagewright.bootstrap", signal.SIGINT, ()),
        ("alembic.command", signal.SIGINT, ()),
        ("alembic.command", signal.SIGTERM, ()),
        ("alembic.command", signal.SIGINT, ("--ephemeral",)),
    ],
)
def test_a_signal_ends_a_start_in_silence(
    tmp_path_factory: pytest.TempPathFactory, module: str, number: signal.Signals, flags: tuple[str, ...]
) -> None:
    """The signal comes while ``module`` is imported, which is the longest part of a start."""
    tmp_path = tmp_path_factory.mktemp("s")  # short enough for sockets
    (tmp_path / "sitecustomize.py").write_text(SIGNAL_ITSELF.format(module=module, number=int(number)))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    where = {"PYTHONPATH": str(tmp_path), "TMPDIR": str(scratch), "XDG_DATA_HOME": str(tmp_path)}
    done = run("up", "--port", "0", *flags, **where)
    assert (done.stdout, done.stderr) == ("", "")
    assert done.returncode in (-number, 130)
    assert not list(scratch.iterdir())


SIGNAL_ITSELF = """
import os, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Finder())
"""


def test_ctrl_c_ends_a_start_that_waits(tmp_path: Path) -> None:
    """A bucket elsewhere that is silent is asked for a while; nobody has to wait for that."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = {**os.environ, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        command = [sagewright(), "up", "--port", "0", "--data-dir", str(tmp_path / "data"), "--s3-bucket", "elsewhere"]
        command += ["--s3-endpoint-url", url, "--s3-timeout-seconds", "100"]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            silent.settimeout(60)
            with silent.accept()[0]:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT


# --- a second server ---------------------------------------------------------------------------------------------


def test_a_second_server_in_the_same_data_directory_is_told_both_flags(kept: ServerProcess) -> None:
    said = refused("up", "--port", "0", "--data-dir", kept.data_dir)
    assert "--data-dir" in said
    assert "--port" in said


@pytest.mark.parametrize("tls", [(), ("--tls",)])
def test_a_taken_port_names_the_flag(kept: ServerProcess, tmp_path: Path, tls: tuple[str, ...]) -> None:
    port = kept.url.rpartition(":")[2]
    said = refused("up", *tls, "--port", port, "--data-dir", tmp_path / "second")
    assert port in said
    assert "--port" in said
    assert "Errno" not in said


def test_an_address_of_another_machine_names_the_flag(tmp_path: Path) -> None:
    for host in ("192.0.2.1", "nohost.invalid"):
        said = refused("up", "--insecure", "--host", host, "--port", "0", "--data-dir", tmp_path / "d")
        assert "--host" in said
        assert host in said
        assert "Errno" not in said


# --- directories -------------------------------------------------------------------------------------------------


@pytest.fixture
def read_only(tmp_path: Path) -> Path:
    """A folder in which nothing can be made, not even by root."""
    return Path("/proc/self")


def test_a_home_that_cannot_be_written_names_the_flags(read_only: Path, tmp_path: Path) -> None:
    env = {"HOME": str(read_only), "XDG_DATA_HOME": None, "XDG_CACHE_HOME": None}
    assert "--data-dir" in refused("up", "--port", "0", **env)
    assert "--cache-dir" in refused("up", "--port", "0", "--data-dir", tmp_path / "data", **env)


def test_a_data_directory_that_is_a_file_names_the_flag(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refused("up", "--port", "0", "--data-dir", tmp_path / "file")
    assert "--data-dir" in said
    assert str(tmp_path / "file") in said


def test_a_path_that_is_too_long_for_a_socket_names_the_flag(tmp_path: Path) -> None:
    said = refused("up", "--port", "0", "--data-dir", tmp_path / ("x" * 110))
    assert "--data-dir" in said


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "sagewright.db").write_bytes(b"no database " * 1000)
    said = refused("up", "--port", "0", "--data-dir", tmp_path)
    assert str(tmp_path / "sagewright.db") in said


# --- backup and restore ------------------------------------------------------------------------------------------


def test_backup_and_restore_name_the_file(kept: ServerProcess, tmp_path: Path) -> None:
    missing = tmp_path / "backups" / "monday.tar.gz"
    assert refused("backup", missing, "--data-dir", kept.data_dir) == f"sagewright: {missing.parent}: no such folder\n"
    said = refused("backup", tmp_path, "--data-dir", kept.data_dir)
    assert said == f"sagewright: {tmp_path} is a folder: name a file in it\n"
    said = refused("backup", "/proc/self/monday.tar", "--data-dir", kept.data_dir)
    assert re.fullmatch(r"sagewright: /proc/\d+/monday.tar: .*\n", said), said
    said = refused("restore", tmp_path / "missing.tar", "--data-dir", tmp_path / "new")
    assert said == f"sagewright: {tmp_path / 'missing.tar'}: No such file or directory\n"
    assert not list(tmp_path.iterdir())
    assert not list(kept.data_dir.glob("backup-*"))


# --- the rest ----------------------------------------------------------------------------------------------------


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "sagewright", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == run("--version").stdout
    assert done.stdout.startswith("sagewright ")
