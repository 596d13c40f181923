"""The feed of changes: functions that are called with what happened to resources, each change at least once.

A reader has a name, under which the database remembers how far it came; servers that share a database take turns. A
change whose reader raises is tried again, a few times, and then passed over with an entry in the log.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sagewright.core.ids import run_id
from sagewright.store.changes import ChangeLog, ChangeRecord, Position

log = logging.getLogger(__name__)

SECONDS = 1.0
"""How often the feed is read."""
LEASE_SECONDS = 60.0
BATCH = 200
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Reader:
    """Calls ``handle`` with each change of a resource of ``kinds``, or of any; it may be called with one twice.

    A new reader begins with what is to come, or with all that is kept when it reads ``from_start``.
    """

    name: str
    handle: Callable[[ChangeRecord], object]
    kinds: frozenset[str] = frozenset()
    from_start: bool = False


class Feed:
    """Reads the changes for all readers of this server. ``read`` is called from time to time, by one thread."""

    def __init__(self, changes: ChangeLog, readers: Sequence[Reader]) -> None:
        self._changes = changes
        self._readers = readers
        self._owner = run_id()
        self._behind = Position(-1, -1)
        self._failures: Counter[tuple[str, Position]] = Counter()
        self._registered = False

    def read(self) -> None:
        """Let each reader catch up. Costs one query while nothing happens."""
        if not self._readers:
            return
        if not self._registered:
            for reader in self._readers:
                self._changes.register(reader.name, from_start=reader.from_start)
            self._registered = True
        head = self._changes.head()
        if head == self._behind:
            return
        done = [self._catch_up(reader) for reader in self._readers]
        if all(done):
            self._behind = head

    def _catch_up(self, reader: Reader) -> bool:
        """Whether the reader has read everything; not while another server reads for it, or after it raised."""
        while (position := self._changes.take(reader.name, self._owner, LEASE_SECONDS)) is not None:
            records = self._changes.after(position, BATCH)
            reached, whole = self._hand_over(reader, position, records)
            self._changes.move(reader.name, self._owner, reached)
            if not records or not whole:
                return whole
        return False

    def _hand_over(self, reader: Reader, position: Position, records: Sequence[ChangeRecord]) -> tuple[Position, bool]:
        """Call the reader with each change; how far it came, and whether that is the end."""
        for record in records:
            if not reader.kinds or record.kind in reader.kinds:
                try:
                    reader.handle(record)
                except Exception:
                    place = (reader.name, record.position)
                    self._failures[place] += 1
                    log.exception("%s cannot read %s %s", reader.name, record.verb, record.arn)
                    if self._failures[place] < ATTEMPTS:
                        return position, False
                    del self._failures[place]
            position = record.position
        return position, True
