"""Paths inside a job (``/opt/ml/model``) told from paths on this machine.

Before the job runs a lexical check is enough; afterwards every symbolic link is the user's, and is followed only within
the job's own tree.
"""

from __future__ import annotations

import os
import posixpath


class Tree:
    """A job's ``base`` (``/opt/ml``), which is ``root`` on this machine and which the process itself sees at ``seen``
    (another path only where there is no sandbox)."""

    def __init__(self, root: str, base: str, seen: str = "") -> None:
        self.root = root
        self.base = base
        self._seen = seen or base

    def place(self, path: str, name: str = "") -> str:
        """Where ``path`` (with ``name`` below it) is on this machine. Raises ``ValueError`` when it is outside."""
        top = posixpath.normpath(path)
        whole = posixpath.normpath(posixpath.join(top, name)) if name else top
        if (top + "/").startswith(self.base + "/") and (whole == top or whole.startswith(top + "/")):
            return self.root + whole[len(self.base) :]
        raise ValueError(f"{posixpath.join(path, name)!r} is not below {path if name else self.base}")

    def follow(self, path: str) -> str | None:
        """Where the job's ``path`` leads on this machine, links followed as the job saw them; None if outside."""
        parts = [part for part in path.split("/") if part not in ("", ".")][::-1]
        seen: list[str] = []
        for _ in range(4096):
            if not parts:
                whole = "/" + "/".join(seen)
                return self.root + whole[len(self.base) :] if (whole + "/").startswith(self.base + "/") else None
            part = parts.pop()
            if part == "..":
                seen = seen[:-1]
                continue
            seen.append(part)
            here = "/" + "/".join(seen)
            if not here.startswith(self.base + "/"):
                continue
            try:
                link = os.readlink(self.root + here[len(self.base) :])
            except OSError:
                continue
            if link.startswith(self._seen + "/"):
                link = self.base + link[len(self._seen) :]
            seen = [] if link.startswith("/") else seen[:-1]
            parts.extend(p for p in reversed(link.split("/")) if p not in ("", "."))
        return None
