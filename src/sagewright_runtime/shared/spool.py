"""Files on their way from a running job to the server: the agent puts copies in, the server takes them out, in order.

spool/000000000017.data   a copy of a file
spool/000000000017.json   what it is a copy of, written last: an item is whole or absent; without data, a file was
                          deleted
"""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DIRECTORY = "spool"
_DIGITS = 12


class Item:
    """File ``name`` (relative) of the synced directory ``output``; ``deleted``, or with its bytes at ``data``."""

    def __init__(self, directory: str, number: int, document: dict[str, Any]) -> None:
        self.number = number
        self.output: str = document["output"]
        self.name: str = document["name"]
        self.deleted: bool = document["deleted"]
        self.data = data_path(directory, number)
        self._description = _description_path(directory, number)

    def done(self) -> None:
        """Take the item out."""
        if os.path.exists(self.data):
            os.unlink(self.data)
        if os.path.exists(self._description):
            os.unlink(self._description)


def data_path(directory: str, number: int) -> str:
    """Where the bytes of an item are."""
    return os.path.join(directory, f"{number:0{_DIGITS}}.data")


def put(directory: str, number: int, output: str, name: str, *, deleted: bool = False) -> None:
    """Add an item whose bytes are in place, or that says that a file was deleted."""
    path = _description_path(directory, number)
    with open(f"{path}.new", "w", encoding="ascii") as file:
        json.dump({"output": output, "name": name, "deleted": deleted}, file)
    os.rename(f"{path}.new", path)


def waiting(directory: str) -> list[int]:
    """The numbers of the items, in order."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return sorted(int(name[:_DIGITS]) for name in names if name.endswith(".json"))


def read(directory: str, number: int) -> Item | None:
    """The item of that number, or None when it was taken out."""
    try:
        with open(_description_path(directory, number), encoding="ascii") as file:
            return Item(directory, number, json.load(file))
    except FileNotFoundError:
        return None


def _description_path(directory: str, number: int) -> str:
    return os.path.join(directory, f"{number:0{_DIGITS}}.json")
