"""A body that is held to the hash its sender signed."""

from __future__ import annotations

import hashlib

from sagewright.gateway.aws.refusals import Refusal, refuse
from sagewright.wire.http import BodyReader


class CheckedReader:
    """Reads ``body`` and raises at its end when it is not what was signed, so that no handler can commit it.

    ``length`` is the announced size in bytes, None when unknown: the last piece of a body of known length is checked
    before it is handed out, so a reader that counts bytes and never asks for the end is safe as well.
    """

    def __init__(self, body: BodyReader, sha256: str, length: int | None, protocol: str) -> None:
        self._body = body
        self._expected = sha256
        self._left = length
        self._protocol = protocol
        self._hash = hashlib.sha256()
        self._checked = False

    def read(self, size: int = -1) -> bytes:
        """As ``BodyReader.read``. Raises ``AwsError``: XAmzContentSHA256Mismatch in the protocol's words."""
        data = self._body.read(size)
        self._saw(data, at_end=size < 0 or (not data and size > 0))
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """As ``BodyReader.readinto``, and as ``read``."""
        count = self._body.readinto(buffer)
        self._saw(buffer[:count], at_end=count < len(buffer))
        return count

    def _saw(self, data: bytes | memoryview, *, at_end: bool) -> None:
        self._hash.update(data)
        if self._left is not None:
            self._left -= len(data)
        if self._left == 0 or at_end:
            self._check()

    def _check(self) -> None:
        if not self._checked and self._hash.hexdigest() != self._expected:
            raise refuse(Refusal.WRONG_HASH, self._protocol)
        self._checked = True
