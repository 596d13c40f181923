"""Environments are really built by uv: once, whole or not at all, layered without touching what is below."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kit.package_index import Drip

from sagewright.environments.builder import Builder, Wanted, warm_modules
from sagewright.environments.catalog import EnvironmentSpec, named
from sagewright.environments.installer import Bounds, BuildFailed, disk_usage
from sagewright.environments.requirements import CONSTRAINT, Requirements, parse

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
    built = (root / ".complete").read_text()
    assert Builder(cache).ready(SIX) == Builder(cache).build(SIX) == root
    assert (root / ".complete").read_text() == built


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
    with pytest.raises(BuildFailed, match=r"(?s)uv exited with 1.*six==0\.0\.99"):
        builder.build(SIX, "six==0.0.99")
    assert builder.ready(SIX, "six==0.0.99") is None
    assert len([built for built in builder.built() if "six==0.0.99" in built.requirements]) == 0


def test_lines_that_the_server_does_not_install_are_left_to_the_job(cache: Path) -> None:
    builder = Builder(cache)
    layer = builder.build(SIX, "iniconfig\n-r /etc/passwd\n./pkg\ndocopt==0.6.2\n")
    marker = json.loads((layer / ".complete").read_text())
    assert marker["own"] == ["-r /etc/passwd", "./pkg", "docopt==0.6.2"]
    assert "iniconfig" in marker["requirements"]
    assert python(layer, "import iniconfig; print(1)") == "1\n"
    assert not list(layer.glob(".build"))


def test_versions_are_held_to_what_other_files_say(cache: Path) -> None:
    layer = Builder(cache).build(SIX, f"iniconfig\n{CONSTRAINT}iniconfig==2.0.0\n")
    assert python(layer, "from importlib.metadata import version; print(version('iniconfig'))") == "2.0.0\n"


@pytest.mark.parametrize("line", ["git+https://example.org/x", "x @ http://127.0.0.1/x.whl", "-i https://e.org/simple"])
def test_a_line_that_the_job_could_not_reach_is_named_before_anything_is_built(tmp_path: Path, line: str) -> None:
    builder = Builder(tmp_path)
    with pytest.raises(BuildFailed, match="SAGEWRIGHT_JOB_NETWORK=host") as failure:
        builder.find(Wanted(SIX, f"six\n{line}\n"))
    assert repr(line) in str(failure.value)
    assert builder.find(Wanted(SIX, f"six\n{line}\n", has_network=True)) is None


@pytest.fixture
def drip(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drip]:
    Builder(cache).build(SIX)
    drip = Drip()
    yield drip
    drip.close()


def dripping(cache: Path, drip: Drip) -> tuple[Builder, str]:
    """A builder whose index never ends to answer, above a base that is there, and requirements."""
    env = {**os.environ, "UV_DEFAULT_INDEX": drip.url}
    builder = Builder(cache, env)
    base = builder._path(SIX, parse(""))
    if not base.exists():
        shutil.copytree(Builder(cache).build(SIX), base, symlinks=True)
    return builder, "iniconfig"


def test_a_build_ends_when_its_time_is_over(cache: Path, drip: Drip) -> None:
    builder, requirements = dripping(cache, drip)
    with pytest.raises(BuildFailed, match="not installed within 2 seconds"):
        builder.build(SIX, requirements, bounds=Bounds(seconds=2))
    assert drip.asked.is_set()
    assert builder.ready(SIX, requirements) is None


def test_a_build_ends_when_nobody_waits_any_more_and_so_does_one_that_waits_for_it(cache: Path, drip: Drip) -> None:
    builder, requirements = dripping(cache, drip)
    failures: list[str] = []

    def build(bounds: Bounds) -> None:
        try:
            builder.build(SIX, requirements, bounds=bounds)
        except BuildFailed as failure:
            failures.append(str(failure))

    first, second = Bounds(), Bounds()
    threads = [threading.Thread(target=build, args=(bounds,)) for bounds in (first, second)]
    threads[0].start()
    assert drip.asked.wait(30)
    threads[1].start()
    for bounds, thread in zip((second, first), reversed(threads), strict=True):
        bounds.cancelled.set()
        thread.join(30)
        assert not thread.is_alive()
    assert failures == ["the build was given up: nobody waits for it any more"] * 2


def test_packages_that_take_too_much_disk_are_refused(tmp_path: Path, cache: Path) -> None:
    """A wheel of a few kilobytes that unpacks to a lot."""
    wheel = tmp_path / "wheels/bomb-1-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.bin", bytes(64 << 20))
        archive.writestr("bomb-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: bomb\nVersion: 1\n")
        archive.writestr("bomb-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("bomb-1.dist-info/RECORD", "")
    builder = Builder(tmp_path / "cache", {**os.environ, "UV_FIND_LINKS": str(wheel.parent)})
    with pytest.raises(BuildFailed, match="more than the 16 MiB of disk"):
        builder.build(SIX, "bomb", bounds=Bounds(disk_bytes=16 << 20))
    assert [built.requirements for built in builder.built()] == [()]
    assert builder.build(SIX, "bomb", bounds=Bounds(disk_bytes=256 << 20)).is_dir()


def test_the_least_recently_used_environments_go_first_and_none_in_use(tmp_path: Path) -> None:
    builder = Builder(tmp_path)
    base = builder.build(SIX)
    layers = [builder.build(SIX, f"iniconfig=={version}") for version in ("2.0.0", "2.1.0", "1.1.1")]
    for number, path in enumerate((*layers, base)):
        os.utime(path / ".complete", (1_000_000_000 + number,) * 2)
    with (layers[0] / ".complete").open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert builder.evict(disk_usage(tmp_path) - 1) == [layers[1]]
        assert builder.evict(0) == [layers[2], base]
    assert [built.path for built in builder.built()] == [layers[0]]
    assert builder.evict(disk_usage(tmp_path)) == []
    builder.ready(SIX, "iniconfig==2.0.0")  # asked for a moment ago
    assert builder.evict(0) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    builder = Builder(tmp_path / "cache")
    assert "environments cannot be built in" in builder.unusable()
    with pytest.raises(BuildFailed, match="the environment cannot be built in"):
        builder.build(SIX)
    assert Builder(tmp_path / "there").unusable() == ""


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
    assert plain._path(spec, Requirements()) != other._path(spec, Requirements())
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
