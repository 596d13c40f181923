"""Who reacts to what happens to resources: a decorated function makes a reader of the feed of changes.

Existence is registration, as with operations. A reader gets each change at least once, shortly after it happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sagewright.engine.calls import Calls
from sagewright.engine.feed import Reader
from sagewright.nouns.operations import Platform

Maker: TypeAlias = Callable[[Platform, Calls], Reader]
_makers: list[Maker] = []


def reaction(maker: Maker) -> Maker:
    """Register what makes a reader for a server."""
    _makers.append(maker)
    return maker


def all_readers(platform: Platform, calls: Calls) -> list[Reader]:
    """The readers of a server. Raises ``ValueError`` for two of one name, which would share a cursor."""
    readers = [maker(platform, calls) for maker in _makers]
    names = [each.name for each in readers]
    if len(set(names)) < len(names):
        raise ValueError(f"two readers of the changes have one name: {sorted(names)}")
    return readers
