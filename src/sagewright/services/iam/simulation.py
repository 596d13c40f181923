"""SimulatePrincipalPolicy and SimulateCustomPolicy: what would the policies say?

SDK v3 asks the first before it trains or deploys, and refuses roles that come out denied.
"""

from __future__ import annotations

from sagewright.access.decision import Principal, decide
from sagewright.access.identity import boundary_of, holder_of, policies_of
from sagewright.access.policy import Access, Malformed, Policies, Policy, parse
from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.nouns.operations import Call, operation
from sagewright.services.iam._entities import MalformedPolicyDocument, NoSuchEntity, page, statements


@operation("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(call: Call, request: Json) -> Json:
    arn = request["PolicySourceArn"]
    if not arn.startswith("arn:aws:iam::") or (":role/" not in arn and ":user/" not in arn):
        raise AwsError(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.", code="InvalidInput")
    holder = holder_of(call.platform.resources, arn)
    if holder is None or holder.account != call.account:
        kind, _, name = arn.rpartition(":")[2].partition("/")
        raise NoSuchEntity(f"The {kind} with name {name.rpartition('/')[2]} cannot be found.")
    principal = Principal(
        itself=frozenset((("AWS", arn),)),
        account=frozenset((("AWS", call.account), ("AWS", f"arn:aws:iam::{call.account}:root"), ("AWS", "*"))),
        identity=Policies(
            [*policies_of(call.platform.resources, holder), *_request_policies(request, "PolicyInputList")]
        ),
        boundary=_boundary(request) or boundary_of(call.platform.resources, holder),
    )
    return _simulate(request, principal)


@operation("iam", "SimulateCustomPolicy")
def simulate_custom_policy(_call: Call, request: Json) -> Json:
    identity = Policies(_request_policies(request, "PolicyInputList"))
    caller = frozenset((("AWS", request["CallerArn"]),)) if "CallerArn" in request else frozenset()
    return _simulate(request, Principal(itself=caller, identity=identity, boundary=_boundary(request)))


def _request_policies(request: Json, member: str) -> list[Policy]:
    """The policies whose texts are in the request."""
    return [
        Policy(f"{member}.{number}", "none", statements(text, trust=False))
        for number, text in enumerate(request.get(member, ()), 1)
    ]


def _boundary(request: Json) -> Policies | None:
    member = "PermissionsBoundaryPolicyInputList"
    return Policies(_request_policies(request, member)) if member in request else None


def _resource_policy(request: Json) -> Policies | None:
    text = request.get("ResourcePolicy")
    if text is None:
        return None
    try:
        return Policies([Policy("ResourcePolicy", "resource", parse(text))])
    except Malformed as error:
        raise MalformedPolicyDocument(str(error)) from None


def _simulate(request: Json, principal: Principal) -> Json:
    context = dict(_context(entry) for entry in request.get("ContextEntries", ()))
    accesses = [
        Access(action, resource, context, principal.names)
        for action in request["ActionNames"]
        for resource in request.get("ResourceArns") or ["*"]
    ]
    policy = _resource_policy(request)
    numbers, more = page(request, range(len(accesses)), lambda number: f"{number:08d}")
    return {"EvaluationResults": [_result(principal, accesses[number], policy) for number in numbers], **more}


def _context(entry: Json) -> tuple[str, list[str]]:
    try:
        return entry["ContextKeyName"], entry["ContextKeyValues"]
    except KeyError as missing:
        raise AwsError(f"Invalid context entry: it has no {missing.args[0]}.", code="InvalidInput") from None


def _result(principal: Principal, access: Access, policy: Policies | None) -> Json:
    if ":" not in access.action:
        raise AwsError(f"Invalid Action name: {access.action}", code="InvalidInput")
    outcome = decide(principal, access, policy, explain=True)
    decision = outcome.decision
    result: Json = {
        "EvalActionName": access.action,
        "EvalResourceName": access.resource,
        "EvalDecision": decision.verdict,
        "MatchedStatements": [
            {"SourcePolicyId": policy.source, "SourcePolicyType": policy.kind} for policy in decision.matched
        ],
        "MissingContextValues": list(outcome.missing),
    }
    if principal.boundary is not None:
        inside_boundary = principal.boundary.decide(access).allowed
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": inside_boundary}
    return result
