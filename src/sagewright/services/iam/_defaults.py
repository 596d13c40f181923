"""Creates the execution role and the administrator's key at the first start.

The administrator acts as a session of the execution role, not as a user: the SageMaker SDKs' ``get_execution_role``
reads its role from the caller's ARN and raises for a user's. But the role's policies do not limit it: its key is the
account's own, as that of a root user is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from functools import partial
from pathlib import Path

from sagewright.access.identity import session_arn, session_id
from sagewright.access.role_making import TRUST, make, trust_of
from sagewright.core.config import Settings
from sagewright.store.credentials import Credential, CredentialStore
from sagewright.store.resources import AlreadyExists, Resource, ResourceStore

ROLE = "SagewrightExecutionRole"
SESSION = "admin"


def ensure_defaults(resources: ResourceStore, credentials: CredentialStore, settings: Settings) -> Credential:
    """Create the role and the administrator's key where they are missing, and write ``credentials.json`` (0600).

    The key is that of the settings, else the existing one (read from the file when the database was wiped), else a new
    one. Raises ``ValueError`` when the settings have only half a key.
    """
    if bool(settings.access_key_id) != bool(settings.secret_access_key):
        raise ValueError("give both SAGEWRIGHT_ACCESS_KEY_ID and SAGEWRIGHT_SECRET_ACCESS_KEY, or neither")
    role = _role(resources, settings.account_id)
    path = settings.data_dir / "credentials.json"
    key = _key(credentials, settings, role, path)
    pair = {"access_key_id": key.access_key_id, "secret_access_key": key.secret}
    _write_private(path, json.dumps(pair, indent=1) + "\n")
    return key


def _role(resources: ResourceStore, account: str) -> Resource:
    identifier = "AROA" + base64.b32encode(hashlib.sha256(account.encode()).digest()).decode()[:17]
    description = "Made at Sagewright's first start. Jobs and endpoints may run with it."
    arn = f"arn:aws:iam::{account}:role/{ROLE}"
    try:
        return make(resources, arn, role_id=identifier, trust=trust_of(TRUST), description=description)
    except AlreadyExists as found:
        return found.existing


def _key(credentials: CredentialStore, settings: Settings, role: Resource, path: Path) -> Credential:
    principal, user_id = session_arn(role, SESSION), session_id(role, SESSION)
    make = partial(credentials.add, principal=principal, user_id=user_id, administrator=True)
    lasting = [key for key in credentials.of(principal) if key.expires is None]
    if settings.access_key_id:
        for key in lasting:  # the operator's key is in place of all others
            if key.access_key_id != settings.access_key_id:
                credentials.remove(key.access_key_id)
        return make(settings.access_key_id, settings.secret_access_key)
    if lasting:
        return lasting[0] if lasting[0].administrator else make(lasting[0].id, lasting[0].secret)
    try:
        pair = json.loads(path.read_bytes())
        return make(pair["access_key_id"], pair["secret_access_key"])
    except (OSError, ValueError, KeyError, TypeError):
        return credentials.issue(principal, user_id, administrator=True)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
