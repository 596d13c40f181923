"""The policy of a model package group: who else may use it and its versions.

It is a row of its own in IAM's region, so that every change of one invalidates the cache of permissions.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy-xaccount.html
"""

from __future__ import annotations

import re

from sagewright.access.identity import GLOBAL, group_policy, group_policy_arn, ids_of_principals
from sagewright.access.policy import Malformed, Statement, parse
from sagewright.core import Json
from sagewright.core.arns import Arn
from sagewright.core.errors import ValidationException
from sagewright.nouns.operations import Call
from sagewright.store.resources import AlreadyExists, Resource, Stale

KIND = "ModelPackageGroupPolicy"


def write_policy(call: Call, group: Resource, text: str) -> None:
    """Set the group's policy. Raises ValidationException for one that says nothing about this group."""
    statements = _checked(group, text)
    resources = call.platform.resources
    spec: Json = {"ResourcePolicy": text, "Principals": ids_of_principals(resources, statements)}
    while True:
        policy = group_policy(resources, group.arn)
        try:
            if policy is not None:
                resources.update(policy, spec=spec)
            else:
                arn = group_policy_arn(group.arn)
                resources.create(account=group.account, region=GLOBAL, kind=KIND, name=group.arn, arn=arn, spec=spec)
        except (AlreadyExists, Stale):  # another call came between
            continue
        return


def read_policy(call: Call, group: Resource) -> str:
    """The text of the group's policy. Raises ValidationException when it has none."""
    policy = group_policy(call.platform.resources, group.arn)
    if policy is None:
        raise ValidationException(f"Cannot find resource policy for: {group.arn}")
    text: str = policy.spec["ResourcePolicy"]
    return text


def forget_policy(call: Call, group: Resource) -> bool:
    """Remove the group's policy; False when there was none."""
    policy = group_policy(call.platform.resources, group.arn)
    if policy is None:
        return False
    call.platform.resources.delete(policy)
    return True


def _checked(group: Resource, text: str) -> tuple[Statement, ...]:
    try:
        statements = parse(text)
    except Malformed as error:
        raise ValidationException(f"The resource policy is malformed: {error}") from None
    for statement in statements:
        if not statement.principals or statement.principals_negated:
            raise ValidationException("The resource policy is malformed: each statement has to name a Principal.")
        if not statement.resources.texts or statement.resources.negated:
            raise ValidationException("The resource policy is malformed: each statement has to name a Resource.")
        for resource in statement.resources.texts:
            if not _is_about(group, resource):
                raise ValidationException(
                    f"The resource policy is malformed: {resource!r} is neither the model package group {group.arn!r} "
                    "nor versions in it."
                )
        for action in statement.actions.texts:
            if action != "*" and not action.lower().startswith("sagemaker:"):
                raise ValidationException(f"The resource policy is malformed: {action!r} is no action of sagemaker.")
    return statements


def _is_about(group: Resource, resource: str) -> bool:
    """Whether a statement's resource is the group or versions in it, by name or by a pattern that fits."""
    pattern = re.escape(resource).replace(r"\*", ".*").replace(r"\?", ".")
    versions = Arn("sagemaker", group.region, group.account, f"model-package/{group.name}/1")
    if re.fullmatch(pattern, group.arn) or re.fullmatch(pattern, str(versions)):
        return True
    return resource.startswith(str(versions).removesuffix("1"))
