"""Installers run within bounds, and reach the package index alone."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from tests.kit.package_index import Drip

from sagewright.environments.builder import Builder
from sagewright.environments.catalog import EnvironmentSpec
from sagewright.environments.installer import (
    Bounds,
    BuildFailed,
    Watched,
    disk_usage,
    index_urls,
    pip_variables,
    run,
    sandboxed,
)

SIX = EnvironmentSpec(name="six-1", framework="six", version="1", requirements=("six==1.16.0",))


def test_an_installer_reaches_its_index_and_nothing_else_of_this_machine(tmp_path: Path) -> None:
    drip = Drip()
    private = drip.url.removesuffix("/simple")
    builder = Builder(tmp_path)
    layer = builder.build(SIX)
    scratch = layer / ".build"
    scratch.mkdir(exist_ok=True)
    probe = f"""
import os, socket, urllib.error, urllib.request
def tried(ask):
    try:
        return str(ask())[:40]
    except (OSError, urllib.error.URLError) as error:
        return type(error).__name__
print("file", tried(lambda: open({str(Path(__file__))!r}).read()))
print("direct", tried(lambda: socket.create_connection(("127.0.0.1", {private.rpartition(":")[2]}), 5)))
print("relayed", tried(lambda: urllib.request.urlopen("{private}", timeout=5)))
print("secrets", [name for name in os.environ if name in ("NETRC", "AWS_SECRET_ACCESS_KEY")])
print("written", tried(lambda: open("/usr/x", "w")))
"""
    lines: list[str] = []
    env = {**builder._env, "NETRC": "/root/.netrc"}
    with sandboxed(layer, scratch, env) as (program, inside):
        command = [*program[:-1], str(layer / "bin/python"), "-c", probe]
        run(command, inside, layer, Watched(Bounds(60), (layer,)), lines.append)
    said = dict(line.split(" ", 1) for line in lines)
    assert said["file"] == "FileNotFoundError"
    assert said["direct"] == "ConnectionRefusedError"
    assert said["relayed"] == "HTTPError"
    assert said["secrets"] == "[]"
    assert said["written"] == "OSError"
    shutil.rmtree(scratch)
    assert not drip.asked.is_set()
    drip.close()


def test_a_command_that_fails_says_why_and_its_children_end_with_it(tmp_path: Path) -> None:
    watched = Watched(Bounds(60), (tmp_path,))
    command = [sys.executable, "-c", "import sys; print('first'); sys.exit('the reason')"]
    lines: list[str] = []
    with pytest.raises(BuildFailed, match=r"(?s)exited with 1.*the reason"):
        run(command, os.environ, tmp_path, watched, lines.append)
    assert sorted(lines) == ["first", "the reason"]
    with pytest.raises(BuildFailed, match="not installed within 0"):
        run(["sleep", "600"], os.environ, tmp_path, Watched(Bounds(0.5), (tmp_path,)), lines.append)


def test_files_with_several_names_are_counted_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(1 << 20))
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    assert 1 << 20 <= disk_usage(tmp_path) < 2 << 20


def test_the_operators_indexes_are_known_by_variables_and_settings(tmp_path: Path) -> None:
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv/uv.toml").write_text('[[index]]\nurl = "https://b.example/simple"\n')
    env = {"UV_INDEX": "mine=https://a.example/simple https://c.example", "XDG_CONFIG_HOME": str(tmp_path)}
    assert set(index_urls(env)) >= {"https://a.example/simple", "https://b.example/simple", "https://c.example"}


def test_pip_in_a_job_is_told_of_the_operators_index_and_of_no_password() -> None:
    env = {
        "UV_DEFAULT_INDEX": "https://me:secret@a.example/simple",
        "UV_INDEX": "mine=https://b.example/simple",
        "PIP_TRUSTED_HOST": "a.example",
        "PIP_FIND_LINKS": "/opt/files",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    assert pip_variables(env) == {
        "PIP_INDEX_URL": "https://a.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://b.example/simple",
        "PIP_TRUSTED_HOST": "a.example",
    }
    assert pip_variables({**env, "PIP_INDEX_URL": "https://c.example"})["PIP_INDEX_URL"] == "https://c.example"
