"""SimulatePrincipalPolicy and SimulateCustomPolicy: what would the policies say?

SDK v3 asks the first before it trains or deploys, and refuses roles that come out denied.
"""

from __future__ import annotations

from typing import Any

from sagewright.core.errors import AwsError
from sagewright.kernel.identity import holder_of, policies_of
from sagewright.kernel.operations import Call, operation
from sagewright.kernel.policy import Access, Policy, evaluate
from sagewright.services.iam._entities import NoSuchEntity, page, statements

Json = dict[str, Any]


@operation("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(call: Call, request: Json) -> Json:
    arn = request["PolicySourceArn"]
    if not arn.startswith("arn:aws:iam::") or (":role/" not in arn and ":user/" not in arn):
        raise AwsError(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.", code="InvalidInput")
    holder = holder_of(call.platform.resources, arn)
    if holder is None or holder.account != call.account:
        kind, _, name = arn.rpartition(":")[2].partition("/")
        raise NoSuchEntity(f"The {kind} with name {name.rpartition('/')[2]} cannot be found.")
    return _simulate(request, policies_of(call.platform.resources, holder))


@operation("iam", "SimulateCustomPolicy")
def simulate_custom_policy(_call: Call, request: Json) -> Json:
    return _simulate(request, [])


def _simulate(request: Json, policies: list[Policy]) -> Json:
    for number, text in enumerate(request.get("PolicyInputList", ()), 1):
        policies.append(Policy(f"PolicyInputList.{number}", "none", statements(text, trust=False)))
    context = {entry["ContextKeyName"]: entry["ContextKeyValues"] for entry in request.get("ContextEntries", ())}
    asked = [
        Access(action, resource, context)
        for action in request["ActionNames"]
        for resource in request.get("ResourceArns") or ["*"]
    ]
    numbers, more = page(request, range(len(asked)), lambda number: f"{number:08d}")
    return {"EvaluationResults": [_result(policies, asked[number]) for number in numbers], **more}


def _result(policies: list[Policy], access: Access) -> Json:
    if ":" not in access.action:
        raise AwsError(f"Invalid Action name: {access.action}", code="InvalidInput")
    decision = evaluate(policies, access)
    return {
        "EvalActionName": access.action,
        "EvalResourceName": access.resource,
        "EvalDecision": decision.verdict,
        "MatchedStatements": [
            {"SourcePolicyId": policy.source, "SourcePolicyType": policy.kind} for policy in decision.matched
        ],
        "MissingContextValues": list(decision.missing),
    }
