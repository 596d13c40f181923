"""Outages: errors of the disk and the database that are neither the caller's fault nor a bug, in plain words.

While one lasts, requests are answered with 503 ServiceUnavailable, which every SDK tries again, and the reconciler
waits. Nothing that was acknowledged before is lost by it.
"""

from __future__ import annotations

import errno
import sqlite3
from typing import Any

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

FULL = "There is no space left on the server's disk."
READ_ONLY = "The server's disk is read-only."
BROKEN = "The server's disk cannot be read or written."
UNREACHABLE = "The database cannot be reached."
BUSY = "The database has no room for another connection."


class Away(Exception):
    """Another system that the store needs cannot be used now; the text says so in words for users."""


class Coming(Exception):
    """What was asked for is being fetched; asked again in a moment, it is there."""


_ERRNO = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: FULL,
    errno.EROFS: READ_ONLY,
    errno.EIO: BROKEN,
}
_SQLITE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_IOERR: BROKEN,
    sqlite3.SQLITE_CANTOPEN: BROKEN,
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html; the longest prefix counts
_SQLSTATE = {
    "08": UNREACHABLE,
    "25006": READ_ONLY,
    "40": BUSY,  # a deadlock, or two writers of one row: nothing is written, and trying again helps
    "53": BUSY,
    "53100": FULL,
    "57P": UNREACHABLE,
    "58030": BROKEN,
}


def outage(error: BaseException) -> str:
    """Why the store cannot work now, in words for users; empty when ``error`` is something else, such as a bug."""
    if isinstance(error, Away):
        return str(error)
    if isinstance(error, OSError):
        return _ERRNO.get(error.errno or 0, "")
    if isinstance(error, PoolTimeoutError):
        return BUSY
    return _of_database(error) if isinstance(error, DBAPIError) else ""


def _of_database(error: DBAPIError) -> str:
    if isinstance(error.orig, sqlite3.Error):
        return _SQLITE.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF, "")
    state = sqlstate(error.orig)
    known = [prefix for prefix in _SQLSTATE if state.startswith(prefix)]
    if known:
        return _SQLSTATE[max(known, key=len)]
    lost = error.connection_invalidated or (not state and isinstance(error, InterfaceError | OperationalError))
    return UNREACHABLE if lost else ""


def sqlstate(error: Any) -> str:
    """PostgreSQL's code of a driver's error: pg8000 keeps it in the message's fields, others in an attribute."""
    fields = error.args[0] if getattr(error, "args", ()) else None
    return str(fields.get("C", "") if isinstance(fields, dict) else getattr(error, "sqlstate", None) or "")
