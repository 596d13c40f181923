"""The disk turns read-only under load, as ext4 does when it meets an error: calls say so, and nothing acknowledged is
lost once it is repaired and mounted again.

Of each writer the last acknowledgement is not asked for: while ext4 aborts its journal, the kernel answers an fsync of
that very moment with success and loses it (seen in 6 of 60 tries with a program that does nothing but write and fsync).

A loop device and its file system are root's to make, and a bind mount cannot be made read-only while the database is
open for writing: without root this is not tried.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kit.eventually import eventually
from tests.kit.outages import KEYS, Writer, fixed, model, refusal

from sagewright.testing.server import ServerProcess

pytestmark = pytest.mark.slow
DURABLE = {**KEYS, "SAGEWRIGHT_DURABILITY": "commit"}


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


def attached(disk: Path) -> str:
    """The loop device, while any mount of the disk is left: sandboxes that others just start may hold a copy."""
    image = disk.with_name("image")
    return subprocess.run(["losetup", "-j", image], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """The mount point of a file system of its own; beside it, its image."""
    place, image = tmp_path / "disk", tmp_path / "image"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(128 << 20)
    try:
        run("mke2fs", "-q", "-t", "ext4", image)
        run("mount", "-o", "loop", image, place)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system of our own on this machine: {error}")
    yield place
    run("umount", place)


def test_a_disk_that_turns_read_only_under_load(disk: Path) -> None:
    data = disk / "data"
    server = ServerProcess(data, ephemeral=False, env=DURABLE, arguments=("--backend", "plain"))
    server.log = disk.with_name("server.log")
    server.start()
    try:
        s3, sagemaker = fixed(server, "s3"), fixed(server, "sagemaker")
        s3.create_bucket(Bucket="kept")
        writers = {
            "objects": Writer(lambda name: s3.put_object(Bucket="kept", Key=name, Body=name.encode() * 999)),
            "models": Writer(lambda name: model(sagemaker, name)),
        }
        for each in writers.values():
            each.thread.start()
        for each in writers.values():
            each.await_done(20, server)
        run("mount", "-o", "remount,abort", disk)
        for each in writers.values():
            each.await_answers(5, server)
        reads = fixed(server, "s3").get_object(Bucket="kept", Key="w-3")["Body"].read()
        assert reads == b"w-3" * 999
        sagemaker.describe_model(ModelName="w-3")
        for each in writers.values():
            each.ended.set()
            each.thread.join()
            assert set(each.answers) == {(503, "ServiceUnavailable")}, each.answers
        assert "ead-only" in refusal(lambda: s3.put_object(Bucket="kept", Key="no", Body=b"x"))
    finally:
        server.kill()

    run("umount", disk)
    eventually(lambda: not attached(disk), what=lambda: attached(disk))
    subprocess.run(["e2fsck", "-fy", disk.with_name("image")], capture_output=True, check=False)
    run("mount", "-o", "loop", disk.with_name("image"), disk)
    server.start()
    try:
        s3, sagemaker = fixed(server, "s3"), fixed(server, "sagemaker")
        listed = sagemaker.get_paginator("list_models").paginate()
        assert set(writers["models"].done[:-1]) <= {each["ModelName"] for page in listed for each in page["Models"]}
        for name in writers["objects"].done[:-1]:
            assert s3.get_object(Bucket="kept", Key=name)["Body"].read() == name.encode() * 999
        model(sagemaker, "after")
        s3.put_object(Bucket="kept", Key="after", Body=b"x")
    finally:
        server.stop()
        eventually(lambda: not server.leftovers(), what=lambda: str(server.leftovers()))
