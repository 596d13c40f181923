"""Where a job's or a model's requirements file lies, with the files that it includes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from sagewright.backends.base import Input, InputFile, Limits
from sagewright.engine.tools import Tools
from sagewright.environments.builder import Wanted
from sagewright.environments.catalog import EnvironmentSpec
from sagewright.environments.requirements import MAX_BYTES, flattened, includes_others
from sagewright_runtime.shared.unpack import opened

_CODE = "/opt/ml/input/data/code"
_DRIVERS = "/opt/ml/input/data/sm_drivers"
_INSTALLS = re.compile(
    r"(?:install_requirements\.py|pip3?\s+install\s+-r|SM_PIP_CMD\"?\s+install\s+-r)\s+[\"']?([^\s\"']+)"
)
_TEXTS = (".txt", ".in", ".cfg", ".lock", "")
_MOST_FILES = 64


def wanted(
    environment: EnvironmentSpec,
    requirements: str | None,
    tools: Tools,
    limits: Limits,
    *,
    isolated: bool,
    hosts: int = 1,
) -> Wanted:
    """The environment of some work, and what it may take and reach to install its requirements."""
    network = tools.backend.name == "plain" or (tools.settings.job_network == "host" and not isolated and hosts == 1)
    return Wanted(environment, requirements, limits.disk_bytes if requirements else 0, has_network=network)


def requirements_in(archive: Path, name: str = "requirements.txt") -> str | None:
    """The requirements file ``name`` of a .tar.gz, or None; a file that is no archive has none."""
    try:
        state = archive.stat()
        return _requirements_in(archive, name, state.st_size, state.st_mtime_ns)
    except (ValueError, OSError):
        return None  # whoever unpacks it will say what is wrong with it


@lru_cache(maxsize=64)
def _requirements_in(archive: Path, name: str, _size: int, _mtime: int) -> str | None:
    """Kept, for it is asked at each look at work that waits, and an archive may take long to read to its end."""
    files = _members(archive, lambda path: path == name, most=1)
    if name in files and includes_others(files[name]):
        files |= _members(archive, lambda path: posixpath.splitext(path)[1] in _TEXTS)
    return flattened(name, files.get)


def _members(archive: Path, wanted: Callable[[str], bool], most: int = _MOST_FILES) -> dict[str, bytes]:
    """The content of files of an archive, by their paths; reads no further than it has to."""
    files: dict[str, bytes] = {}
    with opened(str(archive)) as (tar, members):
        for member in members:
            path = posixpath.normpath(member.name)
            if member.isfile() and member.size <= MAX_BYTES and wanted(path):
                file = tar.extractfile(member)
                files[path] = file.read(MAX_BYTES) if file else b""
                if len(files) >= most:
                    break
    return files


def requirements_at(inputs: Iterable[Input], path: str) -> str | None:
    """The requirements.txt in the archive that lies at ``path`` once the inputs are laid out, or None."""
    for entry in inputs:
        for file in entry.files:
            if f"{entry.path}/{file.name}" == path:
                return requirements_in(Path(file.source))
    return None


def requirements_among(files: Iterable[InputFile], name: str) -> str | None:
    """The requirements file ``name`` of files that are not packed, or None."""
    paths = {file.name: Path(file.source) for file in files}
    return flattened(name, lambda path: _start(paths[path]) if path in paths else None)


def requirements_beside_the_code(channels: Iterable[Input]) -> str | None:
    """The requirements file of SDK v3, which sends code and drivers as channels and runs pip at the start of the job.

    Installed beforehand, so that its pip finds everything there and needs no network. Its name is in the drivers.
    """
    files = {f"{channel.path}/{file.name}": file for channel in channels for file in channel.files}
    drivers = [file for path, file in files.items() if path.startswith(f"{_DRIVERS}/")]
    if not drivers:
        return None
    scripts = [Path(file.source) for file in drivers if file.name.endswith(".sh") and file.size <= MAX_BYTES]
    named = (hit[1] for script in scripts if (hit := _INSTALLS.search(script.read_text("utf-8", "replace"))))
    name = posixpath.normpath(next(named, "requirements.txt"))

    def read(path: str) -> bytes | None:
        file = files.get(f"{_CODE}/{path}")
        return None if file is None else _start(Path(file.source))

    return flattened(name, read)


def _start(file: Path) -> bytes:
    with file.open("rb") as reader:
        return reader.read(MAX_BYTES)
