"""What of a requirements.txt the server installs before a job starts, and what the job has to install itself.

Packages that are named, and come as wheels from the index that the operator has set, are installed by the server, so
that a job needs no network for them. Everything else would use the server's rights or its network for the user: files
beside the code, other indexes, URLs, version control, variables. Those lines are the job's own: it installs them in its
sandbox, with its limits and its network.
"""

from __future__ import annotations

import codecs
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

MAX_BYTES = 1 << 20
"""Of all files that include one another together."""
MAX_FILES = 64
MAX_LINES = 10_000
"""A file with more of them is the job's own: reading lines takes the server's time."""
CONSTRAINT = "--constrain "
"""How a line of a constraints file is written among the lines to install."""

_NAME = r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?"
_REQUIREMENT = re.compile(
    rf"(?P<name>{_NAME})\s*(?:\[[\w\s,.-]*\])?\s*"
    r"(?:\(?[<>=!~]=?[^;@#]*\)?)?"
    r"\s*(?:;[^#]*)?"
)
_HASH = re.compile(r"--hash=\w+:[0-9a-f]+")
_ARCHIVES = (".whl", ".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".zip")
_OPTION = re.compile(r"--(?:pre|prefer-binary|require-hashes)|--(?:no-binary|only-binary|trusted-host)[ =]\s*[\w:.,-]+")
_INDEX = re.compile(r"(?:-i|--index-url|--extra-index-url)[ =]?\s*(\S+)")
_INCLUDE = re.compile(r"(?:(-r|--requirement)|(-c|--constraint))(?:[ =]\s*|(?<=-[rc]))([^\s=].*)")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_PYPI = "https://pypi.org/simple"

Read = Callable[[str], bytes | None]
"""The content of a file by its path in the code, or None."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """The lines that the server installs, versions they are held to, and the lines that are the job's own."""

    named: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    own: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """All that decides what an environment with them holds."""
        return (*self.named, *(CONSTRAINT + line for line in self.constraints), *(f"own: {line}" for line in self.own))

    def without(self, package: str) -> Requirements:
        """The same, with the lines that name ``package`` made the job's own."""
        moved = tuple(line for line in self.named if same_package(name_of(line), package))
        kept = tuple(line for line in self.named if line not in moved)
        return Requirements(kept, self.constraints, (*self.own, *moved))

    def needing(self, lines: Iterable[str]) -> Requirements:
        """The same, with packages that others need."""
        return Requirements(tuple(sorted({*self.named, *lines})), self.constraints, self.own)


def name_of(line: str) -> str:
    """The package that a line names, or an empty text.

    It takes time in proportion to the line, whatever is in it: no two parts of the expression may take the same text.
    """
    named, *hashes = re.split(" (?=--hash=)", " ".join(line.split()))
    match = _REQUIREMENT.fullmatch(named)
    if match is None or match["name"].endswith(_ARCHIVES) or not all(map(_HASH.fullmatch, hashes)):
        return ""
    return str(match["name"])


def same_package(one: str, other: str) -> bool:
    """Whether two spellings name one package."""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def decoded(content: bytes) -> str:
    """The text of a file that a person wrote, by its byte order mark or as UTF-8; of one far too long the beginning."""
    content = content[:MAX_BYTES]
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    return content.decode("utf-8", "replace")


def includes_others(content: bytes) -> bool:
    """Whether a requirements file names other files to read."""
    return any(_INCLUDE.fullmatch(line) for line in _logical_lines(decoded(content)))


def flattened(name: str, read: Read) -> str | None:
    """The text of the requirements file ``name`` with the files that it includes in place; None when it is not there.

    A file that cannot be read stays a line, for pip to say what is wrong with it.
    """
    content = read(name)
    return None if content is None else "\n".join(_Inclusion(read).lines(name, content, constrains=False))


class _Inclusion:
    """Files that include one another, each read once, up to ``MAX_FILES`` and ``MAX_BYTES``."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._seen: set[tuple[str, bool]] = set()
        self._left = MAX_BYTES

    def lines(self, name: str, content: bytes, *, constrains: bool) -> Iterator[str]:
        """The lines of the file ``name``, with those of the files that it includes in place."""
        self._seen.add((name, constrains))
        self._left -= len(content)
        for line in _logical_lines(decoded(content)):
            include = _INCLUDE.fullmatch(line)
            if include is not None:
                path = posixpath.normpath(posixpath.join(posixpath.dirname(name), include[3].strip()))
                only_constrains = constrains or bool(include[2])
                if (path, only_constrains) in self._seen:
                    continue
                included = self._included(path)
                if included is not None:
                    yield from self.lines(path, included, constrains=only_constrains)
                    continue
            yield CONSTRAINT + line if constrains else line

    def _included(self, path: str) -> bytes | None:
        if len(self._seen) >= MAX_FILES or self._left <= 0:
            return None
        content = self._read(path)
        return content if content is not None and len(content) <= self._left else None


def _logical_lines(text: str) -> Iterator[str]:
    """Lines without comments, joined over continuations, that say anything."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        if said := re.sub(r"(^|\s)#.*", "", line).strip():
            yield said


def parse(text: str, indexes: Mapping[str, str] | None = None) -> Requirements:
    """What is whose of a (flattened) requirements file. ``indexes`` are the URLs that the operator has set."""
    if text.count("\n") > MAX_LINES:
        return Requirements(own=(f"all of a file that has more than {MAX_LINES} lines",))
    known = {url.rstrip("/") for url in (indexes or {}).values()} | {_PYPI}
    named: set[str] = set()
    constraints: set[str] = set()
    own: dict[str, None] = {}
    for line in _logical_lines(text):
        index = _INDEX.fullmatch(line)
        if index is not None and index[1].rstrip("/") in known:
            continue
        if "${" in line:
            own[line.removeprefix(CONSTRAINT)] = None
        elif line.startswith(CONSTRAINT) and name_of(line.removeprefix(CONSTRAINT)):
            constraints.add(line.removeprefix(CONSTRAINT))
        elif _OPTION.fullmatch(line) or name_of(line):
            named.add(line)
        else:
            own[line.removeprefix(CONSTRAINT)] = None
    return Requirements(tuple(sorted(named)), tuple(sorted(constraints)), tuple(own))


def needs_network(line: str) -> bool:
    """Whether a line of the job's own can only be installed over a network."""
    return bool(re.search(r"\w://(?!$)", line)) and "file://" not in line
