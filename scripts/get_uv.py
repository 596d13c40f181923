"""Put the ``uv`` program into a folder with the standard library alone, for a Python that has no pip at all.

    python3 scripts/get_uv.py FOLDER

Reads the package index (``UV_DEFAULT_INDEX``, ``PIP_INDEX_URL``, else PyPI) and checks the file's digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import sys
import sysconfig
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

PYPI = "https://pypi.org/simple"


def read(url: str, accept: str = "*/*") -> bytes:
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=180) as answer:
        return bytes(answer.read())


def newest_wheel(index: str) -> tuple[str, str]:
    """The URL and SHA-256 of the newest wheel for this machine."""
    libc = "manylinux" if "gnu" in (sysconfig.get_config_var("HOST_GNU_TYPE") or "gnu") else "musllinux"
    page = f"{index.rstrip('/')}/uv/"
    listing = json.loads(read(page, "application/vnd.pypi.simple.v1+json"))
    machine = f"_{platform.machine()}.whl"
    fitting = [
        file
        for file in listing["files"]
        if file["filename"].endswith(machine) and libc in file["filename"] and not file.get("yanked")
    ]
    newest = max(fitting, key=lambda file: version_key(file["filename"]))
    return urllib.parse.urljoin(page, newest["url"]), newest["hashes"]["sha256"]


def version_key(filename: str) -> tuple[int, ...]:
    """``uv-0.13.9-py3-…`` as (0, 13, 9); pre-releases sort below everything."""
    parts = filename.split("-")[1].split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else (-1,)


def main() -> None:
    folder = Path(sys.argv[1])
    index = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL") or PYPI
    url, digest = newest_wheel(index)
    data = read(url)
    if hashlib.sha256(data).hexdigest() != digest:
        sys.exit(f"{url} does not have the digest the index names")
    with zipfile.ZipFile(io.BytesIO(data)) as wheel:
        program = next(name for name in wheel.namelist() if name.endswith("/scripts/uv"))
        target = folder / "uv"
        target.write_bytes(wheel.read(program))
        target.chmod(0o755)
    print(f"{target}: {url.rsplit('/', 1)[-1]}", file=sys.stderr)


if __name__ == "__main__":
    main()
