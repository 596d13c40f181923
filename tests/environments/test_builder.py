"""Environments are really built by uv: once, whole or not at all, layered without touching what is below."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

import pytest

from sagewright.environments.builder import Builder, BuildFailed, warm_modules
from sagewright.environments.catalog import EnvironmentSpec, named

SIX = EnvironmentSpec(name="six-1", framework="six", version="1", requirements=("six==1.16.0",))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def python(root: Path, program: str) -> str:
    done = subprocess.run([root / "bin/python", "-c", program], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_builds_once_and_finds_it_again(cache: Path) -> None:
    assert Builder(cache).ready(SIX) is None
    lines: list[str] = []
    root = Builder(cache).build(SIX, log=lines.append)
    assert python(root, "import six; print(six.__version__)") == "1.16.0\n"
    assert any("six==1.16.0" in line for line in lines)
    assert list(root.glob("lib/*/site-packages/__pycache__/six.*.pyc"))
    assert subprocess.run([root / "bin/pip", "--version"], capture_output=True, check=True).stdout
    stamp = (root / ".complete").stat().st_mtime_ns
    assert Builder(cache).ready(SIX) == Builder(cache).build(SIX) == root
    assert (root / ".complete").stat().st_mtime_ns == stamp


def test_a_layer_has_both_and_leaves_the_base_alone(cache: Path) -> None:
    builder = Builder(cache)
    base = builder.build(SIX)
    layer = builder.build(SIX, "six==1.17.0\niniconfig # added\n")
    program = "import six, importlib.util as u; print(six.__version__, bool(u.find_spec('iniconfig')))"
    assert python(layer, program) == "1.17.0 True\n"
    assert python(base, program) == "1.16.0 False\n"
    assert builder.ready(SIX, "iniconfig\nsix==1.17.0") == layer
    assert {built.path for built in builder.built()} >= {base, layer}


def test_a_failed_build_says_why_and_leaves_nothing(cache: Path) -> None:
    builder = Builder(cache)
    with pytest.raises(BuildFailed, match=r"(?s)uv pip exited with 1.*six==0\.0\.99"):
        builder.build(SIX, "six==0.0.99")
    assert builder.ready(SIX, "six==0.0.99") is None
    assert len([built for built in builder.built() if "six==0.0.99" in built.requirements]) == 0
    with pytest.raises(BuildFailed, match="cannot be installed before the job starts"):
        builder.ready(SIX, "-r /etc/passwd")


def test_a_build_that_was_cut_off_is_begun_again(cache: Path) -> None:
    builder = Builder(cache)
    root = builder.build(SIX)
    (root / ".complete").unlink()
    (root / "leftover").touch()
    assert builder.ready(SIX) is None
    assert builder.build(SIX) == root
    assert not (root / "leftover").exists()


def test_two_servers_build_once(tmp_path: Path) -> None:
    logs: list[list[str]] = [[], []]
    threads = [threading.Thread(target=Builder(tmp_path).build, args=(SIX, None, log.append)) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(bool(log) for log in logs) == [False, True]
    built = Builder(tmp_path).built()
    assert len(built) == 1
    Builder(tmp_path).remove(built[0].path)
    assert Builder(tmp_path).built() == []


def test_named_environments_are_built_ahead(cache: Path) -> None:
    warmed = Builder(cache).warm(["python-3"])
    assert warmed == {"python-3": Builder(cache).ready(named("python-3"))}
    with pytest.raises(KeyError):
        Builder(cache).warm(["python-2"])


def test_another_index_is_another_environment(tmp_path: Path) -> None:
    spec = named("python-3")
    plain, other = Builder(tmp_path, {}), Builder(tmp_path, {"PIP_INDEX_URL": "https://example.org/simple"})
    assert plain._path(spec, ()) != other._path(spec, ())
    assert other._env["UV_DEFAULT_INDEX"] == "https://example.org/simple"


def test_the_servers_secrets_are_not_the_installers() -> None:
    builder = Builder(Path("/nowhere"), {"AWS_SECRET_ACCESS_KEY": "s", "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/h"})
    assert builder._env == {"HOME": "/h", "UV_PYTHON_DOWNLOADS": "never"}


def test_only_what_our_own_table_pins_is_imported_ahead_of_time(tmp_path: Path) -> None:
    def modules(**marker: object) -> tuple[str, ...]:
        (tmp_path / ".complete").write_text(json.dumps(marker))
        return warm_modules(tmp_path)

    assert "xgboost" in modules(name="xgboost-3.2-0", requirements=[])
    assert modules(name="xgboost-3.2-0", requirements=["numpy==1.0"]) == ()
    assert modules(name="unheard-of", requirements=[]) == ()
    assert warm_modules(tmp_path / "nowhere") == ()
