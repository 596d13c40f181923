"""Access keys: who may sign requests, and as whom.

The secrets are kept as they are, not hashed: SigV4 is a keyed hash, so checking a signature takes the secret itself.
What protects them is the file system: the data directory is 0700 and the database file 0600.

``find`` runs for every request and answers from memory. With several servers on one database a key that another
server removed is honoured here for at most ``STALE_SECONDS``.
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.exc import DBAPIError

from sagewright.core.arns import Arn
from sagewright.core.clock import Clock
from sagewright.store.database import Database
from sagewright.store.outages import outage
from sagewright.store.schema import access_keys

STALE_SECONDS = 30.0
FORGET_SECONDS = 86_400.0
"""Expired keys are told apart from unknown ones (ExpiredToken, InvalidClientTokenId) for this long."""

_KEY = string.ascii_uppercase + "234567"
_SECRET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key. ``principal`` is the ARN of a user or an assumed role, ``user_id`` its unique id as STS tells it.

    Temporary keys have a session ``token`` and a time at which they expire, in seconds since the epoch.
    """

    id: str
    secret: str
    principal: str
    account: str
    user_id: str
    token: str | None
    expires: float | None
    created: float

    @property
    def access_key_id(self) -> str:
        return self.id

    def expired(self, now: float) -> bool:
        """Whether the key's time is over; keys without one live until they are removed."""
        return self.expires is not None and now >= self.expires

    def __repr__(self) -> str:
        return f"Credential({self.id}, {self.principal})"  # secrets stay out of logs and tracebacks


_COLUMNS = [access_keys.c[field.name] for field in fields(Credential)]


class CredentialStore:
    """Access keys in the database, with a memory in front."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Credential]] = {}
        self._generation = 0

    def find(self, access_key_id: str) -> Credential | None:
        """The key, expired or not, or None when there is no such key."""
        now = self._clock.now()
        known = self._known.get(access_key_id)
        if known is not None and now - known[0] < STALE_SECONDS:
            return known[1]
        generation = self._generation
        try:
            found = self._select(access_keys.c.id == access_key_id)
        except DBAPIError as error:
            if known is not None and outage(error):  # endpoints go on answering while the database is away
                return known[1]
            raise
        with self._lock:
            if found and generation == self._generation:  # else a remove may have come between, and must win
                self._known[access_key_id] = (now, found[0])
            elif not found:
                self._known.pop(access_key_id, None)
        return found[0] if found else None

    def of(self, principal: str) -> list[Credential]:
        """The keys of a principal, oldest first."""
        return self._select(access_keys.c.principal == principal)

    def add(self, access_key_id: str, secret: str, principal: str, user_id: str) -> Credential:
        """Make a given pair the lasting key of ``principal``, in place of what that id meant before."""
        return self._insert(access_key_id, secret, principal, user_id, None)

    def issue(self, principal: str, user_id: str, seconds: float | None = None) -> Credential:
        """A new key of ``principal``: temporary (``ASIA…`` with a token) for ``seconds``, or lasting (``AKIA…``)."""
        prefix = "AKIA" if seconds is None else "ASIA"
        access_key_id = prefix + "".join(secrets.choice(_KEY) for _ in range(16))
        secret = "".join(secrets.choice(_SECRET) for _ in range(40))
        return self._insert(access_key_id, secret, principal, user_id, seconds)

    def remove(self, access_key_id: str) -> bool:
        """Take a key back; False when it is not there."""
        return self._delete(access_keys.c.id == access_key_id) == 1

    def wipe(self, keep: Collection[str] = ()) -> None:
        """Remove all keys but those with an id in ``keep``."""
        self._delete(access_keys.c.id.not_in(list(keep)))

    def _insert(
        self, access_key_id: str, secret: str, principal: str, user_id: str, seconds: float | None
    ) -> Credential:
        now = self._clock.now()
        made = Credential(
            id=access_key_id,
            secret=secret,
            principal=principal,
            account=Arn.parse(principal).account,
            user_id=user_id,
            token=None if seconds is None else secrets.token_urlsafe(96),
            expires=None if seconds is None else now + seconds,
            created=now,
        )
        with self._database.write() as connection:
            connection.execute(delete(access_keys).where(access_keys.c.id == access_key_id))
            connection.execute(delete(access_keys).where(access_keys.c.expires < now - FORGET_SECONDS))
            connection.execute(insert(access_keys).values(asdict(made)))
        with self._lock:
            self._forget()
            self._known[access_key_id] = (now, made)
        return made

    def _delete(self, where: ColumnElement[bool]) -> int:
        with self._database.write() as connection:
            count = connection.execute(delete(access_keys).where(where)).rowcount
        with self._lock:
            self._forget()
        return count

    def _forget(self) -> None:
        self._generation += 1
        self._known.clear()

    def _select(self, where: ColumnElement[bool]) -> list[Credential]:
        query = select(*_COLUMNS).where(where).order_by(access_keys.c.created, access_keys.c.id)
        with self._database.read() as connection:
            return [Credential(*row) for row in connection.execute(query)]
