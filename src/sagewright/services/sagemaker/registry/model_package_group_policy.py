"""Put, get and delete the policy of a model package group."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.nouns.operations import Call, Result, operation
from sagewright.services.sagemaker.registry._group_policy import forget_policy, read_policy, write_policy
from sagewright.services.sagemaker.registry.model_package_group import NOUN


@operation("sagemaker", "PutModelPackageGroupPolicy")
def put_model_package_group_policy(call: Call, request: Json) -> Result:
    """Set the policy, in place of the one there was."""
    group = NOUN.find(call, request["ModelPackageGroupName"])
    write_policy(call, group, request["ResourcePolicy"])
    return {"ModelPackageGroupArn": group.arn}


@operation("sagemaker", "GetModelPackageGroupPolicy")
def get_model_package_group_policy(call: Call, request: Json) -> Result:
    """The policy as it was put."""
    return {"ResourcePolicy": read_policy(call, NOUN.find(call, request["ModelPackageGroupName"]))}


@operation("sagemaker", "DeleteModelPackageGroupPolicy")
def delete_model_package_group_policy(call: Call, request: Json) -> Result:
    """Remove the policy. Raises ValidationException when there is none."""
    group = NOUN.find(call, request["ModelPackageGroupName"])
    if not forget_policy(call, group):
        raise ValidationException(f"Cannot find resource policy for: {group.arn}")
    return None
