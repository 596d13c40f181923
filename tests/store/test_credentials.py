"""Access keys: found fast, gone when removed, told apart when expired."""

from __future__ import annotations

import pytest

from sagewright.store.credentials import FORGET_SECONDS, STALE_SECONDS, CredentialStore
from sagewright.store.database import Database

ADMIN = "arn:aws:sts::123456789012:assumed-role/SagewrightExecutionRole/admin"
USER = "arn:aws:iam::123456789012:user/ann"


class Hands:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def now(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def store(database: Database, clock: Hands) -> CredentialStore:
    return CredentialStore(database, clock)


def test_lasting_keys_look_like_those_of_aws_and_survive_a_restart(
    store: CredentialStore, database: Database, clock: Hands
) -> None:
    made = store.issue(USER, "AIDAEXAMPLE")

    assert made.access_key_id.startswith("AKIA")
    assert len(made.access_key_id) == 20
    assert len(made.secret) == 40
    assert (made.account, made.token, made.expires) == ("123456789012", None, None)
    assert CredentialStore(database, clock).find(made.access_key_id) == made


def test_temporary_keys_have_a_token_and_expire(store: CredentialStore, clock: Hands) -> None:
    made = store.issue(ADMIN, "AROAEXAMPLE:admin", 900)

    assert made.access_key_id.startswith("ASIA")
    assert made.token
    clock.time += 899
    assert not made.expired(clock.now())
    clock.time += 1
    assert made.expired(clock.now())
    assert store.find(made.access_key_id) == made, "an expired key is still told apart from an unknown one"


def test_keys_long_expired_are_forgotten(store: CredentialStore, clock: Hands) -> None:
    old = store.issue(ADMIN, "AROAEXAMPLE:admin", 900)
    clock.time += 901 + FORGET_SECONDS
    store.issue(ADMIN, "AROAEXAMPLE:admin", 900)

    assert store.find(old.access_key_id) is None


def test_a_removed_key_is_gone_at_once(store: CredentialStore) -> None:
    made = store.issue(USER, "AIDAEXAMPLE")
    assert store.find(made.access_key_id)

    assert store.remove(made.access_key_id)
    assert store.find(made.access_key_id) is None
    assert not store.remove(made.access_key_id)


def test_another_server_sees_a_removal_soon(store: CredentialStore, database: Database, clock: Hands) -> None:
    other = CredentialStore(database, clock)
    made = store.issue(USER, "AIDAEXAMPLE")
    assert other.find(made.access_key_id)
    store.remove(made.access_key_id)

    clock.time += STALE_SECONDS
    assert other.find(made.access_key_id) is None


def test_adding_a_key_again_replaces_its_secret(store: CredentialStore) -> None:
    store.add("AKIAOPERATOR", "first", ADMIN, "AROAEXAMPLE:admin")
    store.add("AKIAOPERATOR", "second", ADMIN, "AROAEXAMPLE:admin")

    found = store.find("AKIAOPERATOR")
    assert found is not None
    assert found.secret == "second"
    assert [key.access_key_id for key in store.of(ADMIN)] == ["AKIAOPERATOR"]


def test_keys_of_a_run_are_taken_back(store: CredentialStore, clock: Hands) -> None:
    mine = [store.issue(ADMIN, "AROAEXAMPLE:SageMaker", 60, session={"Run": "mine"}) for _ in range(2)]
    others = [store.issue(ADMIN, "AROAEXAMPLE:SageMaker", 60, session={"Run": "yours"}), store.issue(USER, "AIDA")]
    assert store.revoke("mine") == 2
    assert store.revoke("mine") == store.revoke("nobody's") == 0
    assert [store.find(key.id) for key in mine] == [None, None]
    assert [store.find(key.id) for key in others] == others
    clock.time += 61
    assert store.revoke("yours") == 0


def test_wipe_keeps_only_what_it_is_told_to(store: CredentialStore) -> None:
    kept, lost = store.issue(ADMIN, "AROAEXAMPLE:admin"), store.issue(USER, "AIDAEXAMPLE")
    store.wipe(keep={kept.access_key_id})

    assert store.find(kept.access_key_id) == kept
    assert store.find(lost.access_key_id) is None


def test_secrets_stay_out_of_logs(store: CredentialStore) -> None:
    made = store.issue(ADMIN, "AROAEXAMPLE:admin", 900)

    assert made.secret not in repr(made)
    assert str(made.token) not in repr(made)
