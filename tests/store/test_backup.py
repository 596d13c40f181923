"""Files that are no backups; what a backup holds is tried under load in tests/e2e."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from sagewright.store.backup import restore


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


MANIFEST = json.dumps({"version": "0", "objects": ""}).encode()
WHOLE = gzip.compress(tar({"manifest.json": MANIFEST, "sagewright.db": b"x" * 10_000}), mtime=0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\x1f\x8b\x08garbage",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xff" * 99,
        tar({"other": b"file"}),
        tar({"manifest.json": b"hello", "sagewright.db": b"hello"}),
        tar({"manifest.json": b"[]", "sagewright.db": b"hello"}),
        tar({"manifest.json": MANIFEST, "sagewright.db": b"no database " * 1000}),
        tar({"manifest.json": MANIFEST, "sagewright.db/x": b"hello"}),
        tar({"manifest.json": MANIFEST, "sagewright.db": b"", "../outside": b"hello"}),
        WHOLE[: len(WHOLE) // 2],
    ],
    ids=range(11),  # archives hold the time, and all processes must name the tests alike
)
def test_a_file_that_is_no_backup_is_named_and_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "monday.tar.gz"
    file.write_bytes(content)
    with pytest.raises((ValueError, OSError)) as raised:
        restore(file, None, tmp_path / "new")
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
