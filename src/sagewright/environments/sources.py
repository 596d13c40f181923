"""Source distributions of packages that have no wheels: fetched from the index for a job that reaches none.

A source distribution is a program. Here it is only fetched and read: the job builds it, in its own sandbox. uv chooses
it, with metadata that we state for it, since to ask the package for its own is to run it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright.environments.requirements import name_of, same_package

FOLDER = "sources"
"""Where source distributions lie in an environment."""
MAX_BYTES = 256 << 20
Execute = Callable[[list[str], str], None]
_NO_INDEX = "there is no source distribution of {} on the index"
# Runs in the installer's sandbox: what it reads was made by strangers.
_FETCH = """
import json, sys, tarfile, urllib.request
url, target, most = sys.argv[1], sys.argv[2], int(sys.argv[3])
with urllib.request.urlopen(url, timeout=60) as answer, open(target, "wb") as file:
    while block := answer.read(1 << 16):
        file.write(block)
        if file.tell() > most:
            sys.exit("the source distribution is too large")
texts = {}
with tarfile.open(target) as tar:
    for member in tar:
        path = member.name.split("/")
        known = len(path) == 2 and path[1] in ("PKG-INFO", "pyproject.toml")
        if member.isfile() and member.size < 1 << 20 and (known or member.name.endswith(".egg-info/requires.txt")):
            texts.setdefault(path[-1], tar.extractfile(member).read().decode("utf-8", "replace"))
print(json.dumps(texts), file=open(target + ".json", "w"))
"""


class NoSource(Exception):
    """A package has no source distribution that can be used here."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source distribution to fetch: its file's name, its URL, and the SHA-256 that the index tells of it."""

    name: str
    url: str
    sha256: str


def fetch(lines: Sequence[str], package: str, environment: Path, uv: str, execute: Execute) -> list[str]:
    """Put the source distribution of ``package``, as ``lines`` want it, into ``environment``.

    ``execute`` runs a command in the installer's sandbox, of which ``uv`` is one. Returns what the package needs to be
    built and to run, and the environment lacks. Raises ``NoSource``, and what ``execute`` raises.
    """
    with tempfile.TemporaryDirectory(dir=environment) as scratch:
        place = Path(scratch)
        (place / "uv.toml").write_text(
            f'dependency-metadata = [{{ name = "{package}", requires-dist = [] }}]\n', "utf-8"
        )
        python = os.path.realpath(environment / "bin/python")  # what was just installed must not run here
        argv = [uv, "--directory", scratch, "pip", "compile", "-", "--no-deps", "--no-binary", package, "--quiet"]
        execute(
            [*argv, "--format", "pylock.toml", "--output-file", "pylock.toml", "--python", python], "\n".join(lines)
        )
        source = _chosen((place / "pylock.toml").read_text("utf-8"), package)
        execute([python, "-I", "-S", "-c", _FETCH, source.url, str(place / "file"), str(MAX_BYTES)], "")
        return _keep(place / "file", source, environment)


def _chosen(lock: str, package: str) -> Source:
    """The source distribution of ``package`` in a pylock.toml."""
    packages: list[dict[str, Any]] = tomllib.loads(lock).get("packages", [])
    for each in packages:
        sdist = each.get("sdist", {})
        url = sdist.get("url", "")
        if same_package(each["name"], package) and url:
            return Source(sdist.get("name") or url.rpartition("/")[2], url, sdist.get("hashes", {}).get("sha256", ""))
    raise NoSource(_NO_INDEX.format(package))


def _keep(fetched: Path, source: Source, environment: Path) -> list[str]:
    """Put a fetched source distribution into ``environment``; what it needs to be built and to run, as lines."""
    with fetched.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if source.sha256 and digest != source.sha256:
        raise NoSource(f"{source.name} is not what the index says of it")
    folder = environment / FOLDER
    folder.mkdir(exist_ok=True)
    shutil.move(fetched, folder / Path(source.name).name)
    texts: dict[str, str] = json.loads(Path(f"{fetched}.json").read_text("utf-8"))
    present = {path.name.partition("-")[0] for path in environment.glob("lib/python*/site-packages/*.dist-info")}
    needed = [*_build_requirements(texts.get("pyproject.toml", "")), *_requirements(texts)]
    return [line for line in needed if name_of(line) and not any(same_package(name_of(line), each) for each in present)]


def _build_requirements(pyproject: str) -> list[str]:
    try:
        found = tomllib.loads(pyproject).get("build-system", {}).get("requires", [])
    except (tomllib.TOMLDecodeError, AttributeError):
        return []
    return [line for line in found if isinstance(line, str)] if isinstance(found, list) else []


def _requirements(texts: dict[str, str]) -> Iterator[str]:
    """What the package needs to run, without its extras; setup.py may say something else, and then pip says so."""
    head = texts.get("PKG-INFO", "").partition("\n\n")[0]
    found = re.findall(r"(?mi)^Requires-Dist:\s*(.+?)\s*$", head)
    if found:
        yield from (line for line in found if not re.search(r";.*\bextra\s*==", line))
        return
    marker: str | None = ""
    for line in map(str.strip, texts.get("requires.txt", "").splitlines()):
        if line.startswith("["):
            extra, _, marker = line.strip("[]").partition(":")
            marker = None if extra else marker
        elif line and marker is not None:
            yield f"{line}; {marker}" if marker else line
