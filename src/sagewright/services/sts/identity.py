"""Who calls, and temporary keys: of a role's session, of oneself, of a federated user."""

from __future__ import annotations

from sagewright.access.identity import managed, role_of, session_arn, session_id
from sagewright.access.policy import Malformed, parse
from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.nouns.operations import Call, operation
from sagewright.store.credentials import Credential
from sagewright.store.resources import Resource

HOUR = 3600
HALF_DAY = 43_200
FURTHER = {"Tags": "sts:TagSession", "SourceIdentity": "sts:SetSourceIdentity"}
"""The actions that a role must allow besides sts:AssumeRole when the request has these members."""


@operation("sts", "GetCallerIdentity")
def get_caller_identity(call: Call, _request: Json) -> Json:
    return {"UserId": call.principal.user_id, "Account": call.account, "Arn": call.principal.arn}


@operation("sts", "GetAccessKeyInfo")
def get_access_key_info(call: Call, request: Json) -> Json:
    key = call.platform.credentials.find(request["AccessKeyId"])
    if key is None:
        raise AwsError("The specified access key id does not exist.", code="ValidationError")
    return {"Account": key.account}


@operation("sts", "AssumeRole")
def assume_role(call: Call, request: Json) -> Json:
    """Keys of a session of a role that trusts the caller.

    The gateway has checked the caller's own policies before.
    """
    role = _trusting_role(call, request)
    seconds, session = request.get("DurationSeconds", HOUR), request["RoleSessionName"]
    if seconds > role.spec["MaxSessionDuration"]:
        raise AwsError(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", code="ValidationError"
        )
    if seconds > HOUR and _temporary(call):
        raise AwsError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            code="ValidationError",
        )
    session_data = _session_data(call, request) | _inherited_data(call, request)
    key = call.platform.credentials.issue(
        session_arn(role, session), session_id(role, session), seconds, session=session_data
    )
    answer = {
        "Credentials": _credentials(key),
        "AssumedRoleUser": {"AssumedRoleId": key.user_id, "Arn": key.principal},
    }
    return answer | ({"SourceIdentity": session_data["SourceIdentity"]} if "SourceIdentity" in session_data else {})


def _trusting_role(call: Call, request: Json) -> Resource:
    """The role, when its trust policy allows the caller every action of the request. Raises AccessDenied."""
    role = role_of(call.platform.resources, request["RoleArn"])
    actions = ["sts:AssumeRole"]
    actions += [action for member, action in FURTHER.items() if request.get(member)]
    for action in actions:
        trusting = role is not None and call.platform.access.trusts(call, request, role, action)
        if role is None or role.arn != request["RoleArn"] or not trusting:
            raise AwsError(
                f"User: {call.principal.arn} is not authorized to perform: {action} on resource: {request['RoleArn']}",
                code="AccessDenied",
                status=403,
            )
    assert role is not None
    return role


@operation("sts", "GetSessionToken")
def get_session_token(call: Call, request: Json) -> Json:
    _require_lasting_key(call, "GetSessionToken")
    seconds = request.get("DurationSeconds", HALF_DAY)
    administrator = _key(call).administrator
    key = call.platform.credentials.issue(
        call.principal.arn, call.principal.user_id, seconds, administrator=administrator
    )
    return {"Credentials": _credentials(key)}


@operation("sts", "GetFederationToken")
def get_federation_token(call: Call, request: Json) -> Json:
    _require_lasting_key(call, "GetFederationToken")
    name, seconds = request["Name"], request.get("DurationSeconds", HALF_DAY)
    arn, user_id = f"arn:aws:sts::{call.account}:federated-user/{name}", f"{call.account}:{name}"
    source = {"Source": call.principal.arn, "SourceId": call.principal.user_id}
    session_data = {"Policies": [], **source, **_session_data(call, request)}
    key = call.platform.credentials.issue(
        arn, user_id, seconds, administrator=_key(call).administrator, session=session_data
    )
    return {"Credentials": _credentials(key), "FederatedUser": {"FederatedUserId": user_id, "Arn": arn}}


def _session_data(call: Call, request: Json) -> Json:
    """The limits and tags of the new session. Raises ``MalformedPolicyDocument`` and the like."""
    data: Json = {}
    if "Policy" in request:
        try:
            parse(request["Policy"])
        except Malformed as error:
            raise AwsError(str(error), code="MalformedPolicyDocument") from None
        data["Policies"] = [request["Policy"]]
    if "PolicyArns" in request:
        data["PolicyArns"] = [entry["arn"] for entry in request["PolicyArns"] if "arn" in entry]
        for arn in data["PolicyArns"]:
            if managed(call.platform.resources, arn) is None:
                raise AwsError(f"Policy {arn} does not exist.", code="ValidationError")
    if request.get("Tags"):
        data["Tags"] = _tags(request["Tags"])
    return data


def _tags(pairs: list[Json]) -> dict[str, str]:
    """Session tags. Raises InvalidParameterValue for a duplicate key."""
    tags = {pair["Key"]: pair["Value"] for pair in pairs}
    if len({key.lower() for key in tags}) < len(pairs):
        raise _invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    return tags


def _inherited_data(call: Call, request: Json) -> Json:
    """The transitive tags and the source identity, which a session inherits from the session that creates it.

    Raises InvalidParameterValue for a transitive tag that would change, AccessDenied for another source identity.
    """
    earlier = _key(call).session
    transitive_tags = {key: earlier["Tags"][key] for key in earlier.get("Transitive", ())}
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}
    both = {key.lower() for key in transitive_tags} & {key.lower() for key in tags}
    if both:
        raise _invalid(f"The tag keys {sorted(both)} conflict with transitive tags of the calling session.")
    transitive = request.get("TransitiveTagKeys", [])
    if unknown := set(transitive) - set(tags):
        raise _invalid(f"The specified transitive tag keys {sorted(unknown)} must be included in the requested tags.")
    data: Json = {}
    if transitive_tags or tags:
        data |= {"Tags": {**transitive_tags, **tags}, "Transitive": [*transitive_tags, *transitive]}
    source = earlier.get("SourceIdentity", request.get("SourceIdentity"))
    if source is not None:
        if request.get("SourceIdentity", source) != source:
            raise AwsError("The source identity of a session cannot be changed.", code="AccessDenied", status=403)
        data["SourceIdentity"] = source
    return data


def _invalid(message: str) -> AwsError:
    return AwsError(message, code="InvalidParameterValue")


def _key(call: Call) -> Credential:
    """The key that signed. Raises when it was removed meanwhile."""
    key = call.platform.credentials.find(call.principal.access_key_id)
    if key is None:
        raise AwsError("The security token included in the request is invalid", code="InvalidClientTokenId", status=403)
    return key


def _temporary(call: Call) -> bool:
    return _key(call).expires is not None


def _require_lasting_key(call: Call, operation_name: str) -> None:
    if _temporary(call):
        raise AwsError(f"Cannot call {operation_name} with session credentials", code="AccessDenied", status=403)


def _credentials(key: Credential) -> Json:
    return {
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret,
        "SessionToken": key.token,
        "Expiration": key.expires,
    }
