"""Tags on any SageMaker ARN."""

from __future__ import annotations

from sagewright.core import Json
from sagewright.core.errors import ResourceLimitExceeded, ValidationException
from sagewright.nouns.operations import Call, Result, operation
from sagewright.nouns.tags import LIMIT, tag_set
from sagewright.store.resources import Resource


def _resource(call: Call, arn: str) -> Resource:
    found = call.platform.resources.by_arn(arn)
    if found is None or found.account != call.account:
        raise ValidationException(f"Could not find resource {arn!r}.")
    return found


def _tags(tags: dict[str, str]) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@operation("sagemaker", "AddTags")
def add_tags(call: Call, request: Json) -> Result:
    """Add or replace tags; a resource holds at most 50."""
    arn = _resource(call, request["ResourceArn"]).arn
    new = tag_set(request["Tags"])
    if not call.platform.tags.add(arn, new, LIMIT):
        raise ResourceLimitExceeded(f"The resource {arn!r} would have more than {LIMIT} tags.")
    return {"Tags": _tags(call.platform.tags.of(arn))}


@operation("sagemaker", "ListTags")
def list_tags(call: Call, request: Json) -> Result:
    """All tags of a resource: a page has room for 50, and there are no more, so that no token is ever given."""
    if "NextToken" in request:
        raise ValidationException("Invalid NextToken: it was not made by this operation.")
    return {"Tags": _tags(call.platform.tags.of(_resource(call, request["ResourceArn"]).arn))}


@operation("sagemaker", "DeleteTags")
def delete_tags(call: Call, request: Json) -> Result:
    """Take tags off."""
    call.platform.tags.remove(_resource(call, request["ResourceArn"]).arn, request["TagKeys"])
    return {}
