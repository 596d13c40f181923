"""The built wheel, installed by pip into an empty environment of an ordinary user, starts and trains."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.kit.jobs import unpack
from tests.kit.servers import jobs_of

from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
SOMEBODY = 54321
"""A user who is on no list, as a container's often is. Where the tests run as an ordinary user, that one is used."""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A new user's home; short, and where any user may go, which a folder of pytest's is not."""
    with tempfile.TemporaryDirectory(prefix="sw-", dir="/var/tmp") as folder:
        path = Path(folder) / "home"
        path.mkdir()
        if os.getuid() == 0:
            Path(folder).chmod(0o755)
            os.chown(path, SOMEBODY, SOMEBODY)
        yield path


@pytest.fixture(scope="module")
def as_user(home: Path) -> tuple[str, ...]:
    """The beginning of a command line of that user's."""
    if os.getuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    assert setpriv
    return (setpriv, "--reuid", str(SOMEBODY), "--regid", str(SOMEBODY), "--clear-groups")


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    """What a login shell has, and where packages come from on this machine."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))}
    kept.update({name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")})
    return {**kept, "HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


@pytest.fixture(scope="module")
def program(home: Path, as_user: tuple[str, ...], environment: dict[str, str]) -> Path:
    """``sagewright`` as pip installed it."""
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", home.parent, ROOT], check=True, timeout=120)
    (wheel,) = home.parent.glob("*.whl")
    wheel.chmod(0o644)

    def run(*command: object) -> None:
        line = [*as_user, *map(str, command)]
        done = subprocess.run(line, env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=280)
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"

    venv = home / "venv"
    subprocess.run(
        [UV, "venv", "--quiet", "--seed", "--python", _interpreter(), venv],
        check=True,
        timeout=120,
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
    )
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", f"{SOMEBODY}:{SOMEBODY}", venv], check=True)
    run(venv / "bin" / "pip", "install", "--quiet", wheel)
    run(venv / "bin" / "sagewright", "doctor")
    return venv / "bin" / "sagewright"


def _interpreter() -> str:
    """A Python that any user may run: ours may be below a private home."""
    machine = [shutil.which(f"python3.{minor}", path="/usr/local/bin:/usr/bin") for minor in (13, 12, 11)]
    return next((path for path in machine if path), sys.executable)


def test_it_starts_and_trains(home: Path, program: Path, as_user: tuple[str, ...], environment: dict[str, str]) -> None:
    wrapper = (*as_user, "env", "-i", *(f"{name}={value}" for name, value in environment.items()))
    with ServerProcess(home / "data", ephemeral=False, wrapper=wrapper, program=str(program)) as server:
        jobs = jobs_of(server)
        job = jobs.run("import os, pathlib; pathlib.Path(os.environ['SM_MODEL_DIR'], 'm').write_text('trained')")
        assert job["TrainingJobStatus"] == "Completed", (job, server.log_tail())
        assert unpack(jobs.fetch(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"m": b"trained"}


def test_a_user_without_a_home_names_both_directories(
    home: Path, program: Path, as_user: tuple[str, ...], environment: dict[str, str]
) -> None:
    if not as_user:
        pytest.skip("only root becomes a user who is on no list")
    homeless = {name: value for name, value in environment.items() if name != "HOME"}

    def command(*arguments: object) -> subprocess.CompletedProcess[str]:
        line = [*as_user, str(program), *map(str, arguments)]
        return subprocess.run(line, env=homeless, capture_output=True, text=True, check=False, timeout=60)

    said = command("up", "--port", "0", "--data-dir", home / "data")
    assert said.returncode == 2
    assert "--cache-dir" in said.stderr
    assert command("env", "--data-dir", home / "missing").stderr.count("\n") == 1
    both = {"SAGEWRIGHT_CACHE_DIR": str(home / "cache")}
    wrapper = (*as_user, "env", "-i", *(f"{name}={value}" for name, value in {**homeless, **both}.items()))
    with ServerProcess(home / "data", ephemeral=False, wrapper=wrapper, program=str(program)) as server:
        assert server.url
