"""Fetch the wire protocols' public test cases: ``tests/unit/protocols`` of the locked botocore's source archive.

The archive is asked of the package index through pip and must have the hash that ``uv.lock`` names. botocore's cases
are made from Smithy's; they are facts that our tests look at (``tests/wire/test_protocol_cases.py``), no part of us.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ("tests", "unit", "protocols")


def fetch(target: Path) -> int:
    """Unpack the cases into ``target``; how many files they are. Raises when they cannot be had."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    botocore = next(package for package in lock["package"] if package["name"] == "botocore")
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch, "requirements.txt")
        wanted.write_text(f"botocore=={botocore['version']} --hash={botocore['sdist']['hash']}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--no-binary=:all:", "--no-build-isolation", "--require-hashes"]
        mirror = os.environ.get("UV_DEFAULT_INDEX")
        env = os.environ | ({"PIP_INDEX_URL": mirror} if mirror else {})
        subprocess.run([*pip, *options, "--dest", scratch, "--requirement", wanted], check=True, env=env)
        (archive,) = Path(scratch).glob("botocore-*.tar.gz")
        return _unpack(archive, target)


def _unpack(archive: Path, target: Path) -> int:
    count = 0
    with tarfile.open(archive) as members:
        for member in members:
            path = Path(member.name).parts[1:]
            if path[:-2] == FOLDER and (data := members.extractfile(member)):
                place = target.joinpath(*path[-2:])
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data.read())
                count += 1
    if not count:
        raise LookupError(f"{archive.name} holds no {'/'.join(FOLDER)}")
    return count


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
