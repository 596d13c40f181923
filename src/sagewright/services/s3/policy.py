"""Bucket policies: who may use a bucket, in addition to the users' own policies.

They are resources of IAM's region, so that every change of one invalidates the cache of permissions.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from sagewright.access.identity import GLOBAL, bucket_policy, bucket_policy_arn, ids_of_principals
from sagewright.access.permissions import s3_arn
from sagewright.access.policy import Malformed, Statement, parse
from sagewright.core import Json
from sagewright.nouns.operations import Call, operation
from sagewright.services.s3._errors import AccessDenied, MalformedPolicy, NoSuchBucketPolicy, PolicyTooLarge
from sagewright.services.s3._request import bucket_of
from sagewright.store.objects import Bucket
from sagewright.store.resources import AlreadyExists, Resource, Stale

KIND = "BucketPolicy"
PUBLIC_ACCESS = "public access block"
"""The bucket setting that says what becomes of public policies."""
MAX_POLICY = 20 * 1024
FIXED_KEYS = (
    *("aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:sourceaccount"),
    *("aws:sourcearn", "aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:userid", "s3:dataaccesspointaccount"),
    *("aws:principalservicename", "s3:x-amz-server-side-encryption-aws-kms-key-id"),
)
"""Conditions on one of these keys make a policy not public, when their values have no wildcard."""


@operation("s3", "PutBucketPolicy")
def put_bucket_policy(call: Call, request: Json) -> None:
    """Set the policy. It must name this bucket, and principals that exist."""
    bucket = bucket_of(call, request)
    text: str = request["Policy"]
    _check(call, bucket, text)
    if bucket.settings.get(PUBLIC_ACCESS, {}).get("BlockPublicPolicy") and is_public(text):
        raise AccessDenied(
            f"User: {call.principal.arn} is not authorized to perform: s3:PutBucketPolicy on resource: "
            f'"{s3_arn(bucket.name)}" because public policies are prevented by the BlockPublicPolicy setting in '
            "S3 Block Public Access."
        )
    while True:
        try:
            _write(call, bucket, text)
        except (AlreadyExists, Stale):  # another call came between
            continue
        return


def restrict(call: Call, bucket: str) -> None:
    """Write a bucket's policy again, after the bucket's public access block has changed."""
    while True:
        policy, now = bucket_policy(call.platform.resources, bucket), call.platform.objects.bucket(bucket)
        if policy is None or now is None:
            return
        try:
            _write(call, now, policy.spec["Policy"])
        except (AlreadyExists, Stale):  # another call came between
            continue
        return


def _write(call: Call, bucket: Bucket, text: str) -> None:
    resources = call.platform.resources
    spec: dict[str, Any] = {"Policy": text, "Principals": ids_of_principals(resources, parse(text))}
    if bucket.settings.get(PUBLIC_ACCESS, {}).get("RestrictPublicBuckets") and is_public(text):
        spec["Restricted"] = "true"
    policy = bucket_policy(resources, bucket.name)
    if policy is not None:
        resources.update(policy, spec=spec)
        return
    arn = bucket_policy_arn(bucket.name)
    resources.create(account=bucket.account, region=GLOBAL, kind=KIND, name=bucket.name, arn=arn, spec=spec)


@operation("s3", "GetBucketPolicy")
def get_bucket_policy(call: Call, request: Json) -> Json:
    return {"Policy": _policy_of(call, request).spec["Policy"]}


@operation("s3", "DeleteBucketPolicy")
def delete_bucket_policy(call: Call, request: Json) -> None:
    """Remove the policy; one that does not exist is no error."""
    forget_policy(call, bucket_of(call, request).name)


@operation("s3", "GetBucketPolicyStatus")
def get_bucket_policy_status(call: Call, request: Json) -> Json:
    """Whether the policy lets everybody in, by S3's "The meaning of public"."""
    return {"PolicyStatus": {"IsPublic": is_public(_policy_of(call, request).spec["Policy"])}}


def is_public(text: str) -> bool:
    """Whether a policy lets everybody in."""
    return any(_public(statement) for statement in parse(text))


def forget_policy(call: Call, bucket: str) -> None:
    """Remove a bucket's policy with the bucket."""
    policy = bucket_policy(call.platform.resources, bucket)
    if policy is not None:
        call.platform.resources.delete(policy)


def _policy_of(call: Call, request: Json) -> Resource:
    bucket = bucket_of(call, request)
    policy = bucket_policy(call.platform.resources, bucket.name)
    if policy is None:
        raise NoSuchBucketPolicy(BucketName=bucket.name)
    return policy


def _check(call: Call, bucket: Bucket, text: str) -> None:
    """Raises MalformedPolicy with S3's words for what is wrong."""
    if len(text.encode()) > MAX_POLICY:
        raise PolicyTooLarge
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedPolicy("Policies must be valid JSON and the first byte must be '{'") from None
    try:
        statements = parse(text)
    except Malformed as error:
        raise MalformedPolicy(str(error)) from None
    for statement in statements:
        if statement.principals is None:
            raise MalformedPolicy("Missing required field Principal")
        if statement.principals_negated and statement.effect == "Allow":
            raise MalformedPolicy("Allow with NotPrincipal is not allowed")
        if not statement.resources.texts:
            raise MalformedPolicy("Missing required field Resource")
        if not all(_names_bucket(text, bucket.name) for text in statement.resources.texts):
            raise MalformedPolicy("Policy has invalid resource")
        if not all(text == "*" or text.lower().startswith("s3:") for text in statement.actions.texts):
            raise MalformedPolicy("Policy has invalid action")
        if not all(_exists(call, kind, name) for kind, name in statement.principals):
            raise MalformedPolicy("Invalid principal in policy")


def _names_bucket(resource: str, bucket: str) -> bool:
    """Whether the resource of a statement is the bucket, or objects in it, by name or by a pattern that fits it."""
    arn, _, _ = resource.partition("/")
    pattern = re.escape(arn).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(pattern, s3_arn(bucket)) is not None


def _exists(call: Call, kind: str, name: str) -> bool:
    """Whether a principal may exist: in this account it must exist, in others its name must have the right form."""
    if kind != "AWS" or name == "*":
        return name != "" and (kind != "*" or name == "*")
    if name.isdigit():
        return len(name) == 12
    parts = name.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] not in ("iam", "sts") or "*" in name:
        return False
    if parts[4] != call.account or parts[5] == "root" or parts[2] == "sts":
        return True
    return call.platform.resources.by_arn(name) is not None


def _public(statement: Statement) -> bool:
    if statement.effect != "Allow" or statement.principals is None:
        return False
    everybody = statement.principals_negated or any(name == "*" for _, name in statement.principals)
    fixed = any(
        test.key.lower() in FIXED_KEYS and not any("*" in value or "?" in value for value in test.values)
        for test in statement.tests
        if "Not" not in test.operator and "Null" not in test.operator
    )
    return everybody and not fixed
