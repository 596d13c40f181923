"""Which web pages may use a bucket. The gateway enforces the rules (``gateway/aws/cors.py``).

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
"""

from __future__ import annotations

from typing import Any

from sagewright.nouns.operations import Call, operation
from sagewright.services.s3._body import check_document
from sagewright.services.s3._errors import InvalidRequest, MalformedXML, NoSuchCORSConfiguration
from sagewright.services.s3._request import bucket_of
from sagewright.store.objects import CORS

METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")
MAX_RULES = 100


@operation("s3", "PutBucketCors")
def put_bucket_cors(call: Call, request: dict[str, Any]) -> None:
    """Replace the rules."""
    check_document(call)
    bucket = bucket_of(call, request)
    rules = request["CORSConfiguration"].get("CORSRules", [])
    if not rules:
        raise MalformedXML
    if len(rules) > MAX_RULES:
        raise InvalidRequest(f"The number of CORS rules should not exceed allowed limit of {MAX_RULES} rules.")
    for rule in rules:
        _check(rule)
    call.platform.objects.configure(bucket.name, CORS, rules)


def _check(rule: dict[str, Any]) -> None:
    for method in rule["AllowedMethods"]:
        if method not in METHODS:
            raise InvalidRequest(f"Found unsupported HTTP method in CORS config. Unsupported method is {method}")
    for member, name in (("AllowedOrigins", "AllowedOrigin"), ("AllowedHeaders", "AllowedHeader")):
        for value in rule.get(member, []):
            if value.count("*") > 1:
                raise InvalidRequest(f'{name} "{value}" can not have more than one wildcard.')
    for value in rule.get("ExposeHeaders", []):
        if "*" in value:
            raise InvalidRequest(
                f'ExposeHeader "{value}" contains wildcard. We currently do not support wildcard for ExposeHeader.'
            )


@operation("s3", "GetBucketCors")
def get_bucket_cors(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    bucket = bucket_of(call, request)
    if CORS not in bucket.settings:
        raise NoSuchCORSConfiguration(BucketName=bucket.name)
    return {"CORSRules": bucket.settings[CORS]}


@operation("s3", "DeleteBucketCors")
def delete_bucket_cors(call: Call, request: dict[str, Any]) -> None:
    call.platform.objects.configure(bucket_of(call, request).name, CORS, None)
