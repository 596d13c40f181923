"""Which ``requirements.txt`` may be installed with the server's rights.

Layers are installed by the server before a job starts, so that an isolated job needs no network. The file comes from a
user, who must not read the server's files or variables through it (``-r /path``, ``file:``, ``${SECRET}``) nor run code
in it (source distributions). What is left are names, versions, markers, hashes, wheels by https and index options.
"""

from __future__ import annotations

import re

_NAME = r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?"
_REQUIREMENT = re.compile(
    rf"{_NAME}\s*(?:\[[\w\s,.-]*\])?\s*"
    r"(?:@\s*https?://\S+|\(?[<>=!~]=?[^;@#]*\)?)?"
    r"\s*(?:;[^#]*)?(?:\s+--hash=\w+:[0-9a-f]+)*"
)
_OPTION = re.compile(
    r"(?:(?:-i|--index-url|--extra-index-url|-f|--find-links)[ =]\s*https?://\S+"
    r"|--(?:pre|prefer-binary|require-hashes|no-index)"
    r"|--(?:no-binary|only-binary|trusted-host)[ =]\s*[\w:.,-]+)"
)


def normalise(text: str) -> tuple[str, ...]:
    """The lines that matter, without comments, joined over continuation lines, sorted.

    Raises ``ValueError`` when a line is more than a requirement by name, by https URL, or an index option.
    """
    joined = re.sub(r"\\\r?\n", " ", text)
    lines = sorted({re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines()} - {""})
    for line in lines:
        if "${" in line or not (_OPTION.fullmatch(line) or _REQUIREMENT.fullmatch(line)):
            raise ValueError(f"requirements.txt: the line '{line}' cannot be installed before the job starts")
    return tuple(lines)
