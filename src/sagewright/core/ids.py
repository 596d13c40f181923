"""Identifiers in the forms AWS uses."""

from __future__ import annotations

import random
import secrets
import string
import uuid

_BASE32 = string.ascii_uppercase + "234567"


def request_id() -> str:
    """The id of one call, sent back as ``x-amzn-RequestId``: a version 4 UUID, not a secret."""
    digits = f"{random.getrandbits(128):032x}"  # a sixth of uuid4's time
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def run_id() -> str:
    """The id under which a backend runs a piece of work; 32 lower-case hex digits."""
    return uuid.uuid4().hex


def unique_id(prefix: str) -> str:
    """An IAM unique id such as ``AROA…``: the four-letter prefix and 17 base-32 characters."""
    return prefix + "".join(secrets.choice(_BASE32) for _ in range(17))
