"""Builds in the background: shared by who waits, ended with the last of them, failed once for each."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from tests.kit.eventually import eventually
from tests.kit.package_index import Drip

from sagewright.engine.preparation import Preparation
from sagewright.environments.builder import Builder, Wanted
from sagewright.environments.catalog import EnvironmentSpec
from sagewright.environments.installer import BuildFailed

SIX = EnvironmentSpec(name="six-1", framework="six", version="1", requirements=("six==1.16.0",))
NOTHING = EnvironmentSpec(name="none-1", framework="none", version="1", requirements=("six==0.0.99",))


class Waiters:
    """Who was woken, in order."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    def wait(self, *names: str) -> None:
        eventually(lambda: set(names) <= set(self.woken), what=lambda: str(self.woken), seconds=90)


def test_a_failure_is_told_once_to_each_who_waits(tmp_path: Path) -> None:
    waiters = Waiters()
    preparation = Preparation(Builder(tmp_path), waiters.woken.append)
    assert [preparation.path(Wanted(NOTHING), name) for name in "ab"] == [None, None]
    waiters.wait("a", "b")
    for name in "ab":
        with pytest.raises(BuildFailed, match=r"six==0\.0\.99"):
            preparation.path(Wanted(NOTHING), name)
    assert sorted(waiters.woken) == ["a", "b"]
    assert not (tmp_path / "environments").joinpath("none-1").exists()
    preparation.stop()


def test_a_directory_that_cannot_be_written_is_a_failure_too(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    waiters = Waiters()
    preparation = Preparation(Builder(tmp_path / "cache"), waiters.woken.append)
    assert preparation.path(Wanted(SIX), "a") is None
    waiters.wait("a")
    with pytest.raises(BuildFailed, match="cannot be built"):
        preparation.path(Wanted(SIX), "a")


def builds() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "build six-1"]


def test_a_build_ends_with_the_last_who_waits_for_it(tmp_path: Path) -> None:
    drip = Drip()
    waiters = Waiters()
    preparation = Preparation(Builder(tmp_path, {**os.environ, "UV_DEFAULT_INDEX": drip.url}), waiters.woken.append)
    wanted = Wanted(SIX)
    assert [preparation.path(wanted, name) for name in "ab"] == [None, None]
    assert drip.asked.wait(60)
    preparation.forget("a")
    assert preparation.path(wanted, "b") is None
    assert builds()
    preparation.forget("b")
    eventually(lambda: not builds(), what=lambda: str(builds()))
    assert preparation.path(wanted, "c") is None  # begun anew
    assert builds()
    preparation.stop()
    eventually(lambda: not builds(), what=lambda: str(builds()))
    drip.close()
