"""Workteam: what every noun promises, and that it is of a workforce."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from tests.services.sagemaker.records.examples import WORKFORCE, WORKTEAM

from sagewright.testing.nouns import NounCase

Client = Callable[..., Any]


class TestWorkteam(NounCase):
    kind = "Workteam"
    example = WORKTEAM
    update: ClassVar[dict[str, Any]] = {"Description": "other"}

    def prepare(self, client: Client) -> None:
        with contextlib.suppress(ClientError):
            client("sagemaker").create_workforce(**WORKFORCE)


def test_a_team_is_of_a_workforce_that_stays(client: Client) -> None:
    sagemaker = client("sagemaker")
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.create_workteam(**{**WORKTEAM, "WorkforceName": "nothere"})
    sagemaker.create_workforce(WorkforceName="kept")
    made = sagemaker.create_workteam(**{**WORKTEAM, "WorkteamName": "kept", "WorkforceName": "kept"})
    assert made["WorkteamArn"].endswith(":workteam/private-crowd/kept")
    described = sagemaker.describe_workteam(WorkteamName="kept")["Workteam"]
    assert described["WorkforceArn"].endswith(":workforce/private-crowd/kept")
    with pytest.raises(ClientError, match="has the workteam kept"):
        sagemaker.delete_workforce(WorkforceName="kept")
    assert sagemaker.delete_workteam(WorkteamName="kept")["Success"] is True
    sagemaker.delete_workforce(WorkforceName="kept")


def test_members_are_groups(client: Client) -> None:
    cognito = {"CognitoMemberDefinition": {"UserPool": "us-east-1_abc", "UserGroup": "g", "ClientId": "id"}}
    for member, message in ((cognito, "OpenID Connect"), ({}, "with Groups"), ({"OidcMemberDefinition": {}}, "Groups")):
        with pytest.raises(ClientError, match=message):
            client("sagemaker").create_workteam(**{**WORKTEAM, "WorkteamName": "bad", "MemberDefinitions": [member]})
