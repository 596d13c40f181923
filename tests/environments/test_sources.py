"""Packages without wheels: their sources are fetched, and never run, by the server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kit.package_index import PackageIndex, source_of

from sagewright.environments.builder import Builder, Wanted
from sagewright.environments.catalog import EnvironmentSpec
from sagewright.environments.installer import BuildFailed
from sagewright.environments.sources import FOLDER

SIX = EnvironmentSpec(name="six-1", framework="six", version="1", requirements=("six==1.16.0",))
RAISES = "cmdclass=1 / 0"
INFO = "Metadata-Version: 2.1\nRequires-Dist: alone\nRequires-Dist: nowhere; extra == 'x'\n"
PROJECT = '[build-system]\nrequires = ["setuptools", "iniconfig"]\nbuild-backend = "setuptools.build_meta"\n'


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    index = PackageIndex(
        source_of("alone", RAISES),
        source_of("needs_more", RAISES, {"PKG-INFO": INFO}),
        source_of("has_tools", RAISES, {"pyproject.toml": PROJECT}),
        source_of("old", RAISES, {"old.egg-info/requires.txt": "iniconfig\n\n[x]\nnowhere\n"}),
        ("broken-1.0.tar.gz", b"no archive"),
    )
    env = {name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    yield Builder(tmp_path_factory.mktemp("cache"), {**env, "UV_INDEX": index.url})
    index.close()


def held(path: Path) -> set[str]:
    return {file.name for file in (path / FOLDER).iterdir()}


def test_a_source_is_fetched_and_not_run(builder: Builder) -> None:
    path = builder.build(SIX, "alone==1.0\n")
    assert held(path) == {"alone-1.0.tar.gz"}
    assert builder.find(Wanted(SIX, "alone==1.0\n")) == path
    assert not list(path.glob("lib/*/site-packages/alone*"))
    assert not list(path.glob("tmp*"))


def test_what_it_needs_is_there_too(builder: Builder) -> None:
    path = builder.build(SIX, "needs-more\nhas-tools\n")
    assert held(path) == {"alone-1.0.tar.gz", "needs_more-1.0.tar.gz", "has_tools-1.0.tar.gz"}
    assert list(path.glob("lib/*/site-packages/iniconfig"))
    assert builder.find(Wanted(SIX, "needs-more\nhas-tools\n")) == path
    assert list(builder.build(SIX, "old\n").glob("lib/*/site-packages/iniconfig"))


def test_one_that_cannot_be_used_is_named(builder: Builder) -> None:
    builder.build(SIX, "broken\n")
    with pytest.raises(BuildFailed, match="'broken' has no wheel"):
        builder.find(Wanted(SIX, "broken\n"))
