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
from dataclasses import asdict, dataclass, field, fields

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from sagewright.core import Json
from sagewright.core.arns import Arn
from sagewright.core.clock import Clock
from sagewright.store.database import Database
from sagewright.store.outages import outage
from sagewright.store.schema import access_keys

STALE_SECONDS = 30.0
FORGET_SECONDS = 86_400.0
"""How long an expired key is still known as such (ExpiredToken, and then InvalidClientTokenId)."""

_KEY = string.ascii_uppercase + "234567"
_SECRET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key. ``principal`` is the ARN of a user or an assumed role, ``user_id`` its unique id in STS.

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
    active: bool = True
    administrator: bool = False
    """The account's own key, which no policy of the account limits; like that of a root user."""
    session: Json = field(default_factory=dict)
    """What limits and describes a session: ``Policies`` (texts), ``PolicyArns``, ``Tags``, ``Source``; the ``Run`` at
    whose end it is revoked."""

    @property
    def access_key_id(self) -> str:
        return self.id

    def expired(self, now: float) -> bool:
        """Whether the key's time is over; keys without one live until they are removed."""
        return self.expires is not None and now >= self.expires

    def __repr__(self) -> str:
        return f"Credential({self.id}, {self.principal})"  # secrets stay out of logs and tracebacks


_COLUMNS = [access_keys.c[member.name] for member in fields(Credential)]


class CredentialStore:
    """Access keys in the database, with a cache in memory."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._cache: dict[str, tuple[float, Credential]] = {}
        self._generation = 0

    def remembered(self, access_key_id: str) -> Credential | None:
        """The key from memory. None means unknown: call ``find``. Never waits."""
        entry = self._cache.get(access_key_id)
        return entry[1] if entry is not None and self._clock.now() - entry[0] < STALE_SECONDS else None

    def find(self, access_key_id: str) -> Credential | None:
        """The key, expired or not, or None when there is no such key or it is switched off."""
        now = self._clock.now()
        entry = self._cache.get(access_key_id)
        if entry is not None and now - entry[0] < STALE_SECONDS:
            return entry[1]
        generation = self._generation
        try:
            keys = self._select(access_keys.c.id == access_key_id)
        except DBAPIError as error:
            if entry is not None and outage(error):  # endpoints go on answering while the database is away
                return entry[1]
            raise
        keys = [key for key in keys if key.active]
        with self._lock:
            if keys and generation == self._generation:  # otherwise a key may have been removed meanwhile
                self._cache[access_key_id] = (now, keys[0])
            elif not keys:
                self._cache.pop(access_key_id, None)
        return keys[0] if keys else None

    def of(self, principal: str) -> list[Credential]:
        """The keys of a principal, oldest first, those that are switched off too."""
        return self._select(access_keys.c.principal == principal)

    def add(
        self, access_key_id: str, secret: str, principal: str, user_id: str, *, administrator: bool = False
    ) -> Credential:
        """Store a pair as a lasting key of ``principal``. It replaces any key with that id."""
        now = self._clock.now()
        account = Arn.parse(principal).account
        return self._insert(
            Credential(access_key_id, secret, principal, account, user_id, None, None, now, administrator=administrator)
        )

    def issue(
        self,
        principal: str,
        user_id: str,
        seconds: float | None = None,
        *,
        administrator: bool = False,
        session: Json | None = None,
    ) -> Credential:
        """A new key of ``principal``: temporary (``ASIA…`` with a token) for ``seconds``, or lasting (``AKIA…``)."""
        now, temporary = self._clock.now(), seconds is not None
        key = Credential(
            id=("ASIA" if temporary else "AKIA") + "".join(secrets.choice(_KEY) for _ in range(16)),
            secret="".join(secrets.choice(_SECRET) for _ in range(40)),
            principal=principal,
            account=Arn.parse(principal).account,
            user_id=user_id,
            token=secrets.token_urlsafe(96) if temporary else None,
            expires=None if seconds is None else now + seconds,
            created=now,
            administrator=administrator,
            session=session or {},
        )
        return self._insert(key)

    def switch(self, access_key_id: str, *, on: bool) -> None:
        """Activate or deactivate a key; one that does not exist is no error."""
        with self._database.write() as connection:
            connection.execute(update(access_keys).where(access_keys.c.id == access_key_id).values(active=on))
        with self._lock:
            self._forget()

    def remove(self, access_key_id: str) -> bool:
        """Delete a key; False when it does not exist."""
        return self._delete(access_keys.c.id == access_key_id) == 1

    def revoke(self, run: str) -> int:
        """Delete the keys that were issued to a run. Returns their number."""
        of_run = (access_keys.c.expires > self._clock.now()) & (access_keys.c.session["Run"].as_string() == run)
        return self._delete(of_run) if self._select(of_run) else 0

    def wipe(self, keep: Collection[str] = ()) -> None:
        """Remove all keys but those with an id in ``keep``."""
        self._delete(access_keys.c.id.not_in(list(keep)))

    def _insert(self, key: Credential) -> Credential:
        with self._database.write() as connection:
            connection.execute(delete(access_keys).where(access_keys.c.id == key.id))
            connection.execute(delete(access_keys).where(access_keys.c.expires < key.created - FORGET_SECONDS))
            connection.execute(insert(access_keys).values(asdict(key)))
        with self._lock:
            self._forget()
            self._cache[key.id] = (key.created, key)
        return key

    def _delete(self, where: ColumnElement[bool]) -> int:
        with self._database.write() as connection:
            count = connection.execute(delete(access_keys).where(where)).rowcount
        with self._lock:
            self._forget()
        return count

    def _forget(self) -> None:
        self._generation += 1
        self._cache.clear()

    def _select(self, where: ColumnElement[bool]) -> list[Credential]:
        query = select(*_COLUMNS).where(where).order_by(access_keys.c.created, access_keys.c.id)
        with self._database.read() as connection:
            return [Credential(*row) for row in connection.execute(query)]
