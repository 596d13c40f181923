"""Documents that note which of their members are read by name.

Going through all members, as copying, comparing and writing JSON do, is no reading: an echo honours nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Recorded(dict[str, Any]):
    """A request whose members at any depth are noted in ``reads`` as ``<root>:InputDataConfig[].InputMode``."""

    def __init__(self, document: dict[str, Any], reads: set[str], root: str) -> None:
        super().__init__({key: _wrapped(value, reads, _below(root, key)) for key, value in document.items()})
        self._reads, self._root = reads, root

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        self._reads.add(_below(self._root, key))
        return value

    def get(self, key: str, default: Any = None) -> Any:
        if key not in self:
            return default
        return self[key]


def _below(root: str, key: str) -> str:
    return f"{root}{key}" if root.endswith(":") else f"{root}.{key}"


def _wrapped(value: Any, reads: set[str], root: str) -> Any:
    if isinstance(value, dict):
        return Recorded(value, reads, root)
    if isinstance(value, list):
        return [_wrapped(each, reads, f"{root}[]") for each in value]
    return value


def members_read(operation: str, reads: Iterable[str]) -> set[str]:
    """The paths that were read of the requests of an operation."""
    prefix = f"{operation}:"
    return {path.removeprefix(prefix) for path in reads if path.startswith(prefix)}
