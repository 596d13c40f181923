"""Workforce: what every noun promises, whose people are ours or those of a provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from tests.services.sagemaker.records.examples import WORKFORCE

from sagewright.testing.nouns import NounCase

Client = Callable[..., Any]


URLS = ("Issuer", "AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint", "LogoutEndpoint", "JwksUri")
PROVIDER = {"ClientId": "id", "ClientSecret": "hidden", **dict.fromkeys(URLS, "https://id.example.com/x")}


class TestWorkforce(NounCase):
    kind = "Workforce"
    example = WORKFORCE
    update: ClassVar[dict[str, Any]] = {"SourceIpConfig": {"Cidrs": ["10.1.0.0/16"]}}


def test_a_providers_secret_is_not_shown(client: Client) -> None:
    sagemaker = client("sagemaker")
    made = sagemaker.create_workforce(WorkforceName="oidc", OidcConfig=PROVIDER)
    assert made["WorkforceArn"].endswith(":workforce/private-crowd/oidc")
    answers = [sagemaker.describe_workforce(WorkforceName="oidc"), sagemaker.list_workforces(NameContains="oidc")]
    answers += [sagemaker.update_workforce(WorkforceName="oidc", OidcConfig=PROVIDER)]
    assert "hidden" not in str(answers)
    assert answers[0]["Workforce"]["OidcConfig"]["ClientId"] == "id"
    assert answers[0]["Workforce"]["Status"] == "Active"


def test_cognito_is_refused_with_what_to_do(client: Client) -> None:
    pool = {"UserPool": "us-east-1_abc", "ClientId": "id"}
    with pytest.raises(ClientError, match=r"CognitoConfig.*OidcConfig.*OpenID Connect.*accounts of this server"):
        client("sagemaker").create_workforce(WorkforceName="cognito", CognitoConfig=pool)
