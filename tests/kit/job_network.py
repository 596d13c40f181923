"""A script that says what a job sees of its network."""

from __future__ import annotations

import json
from typing import Any

LOOK = """
import boto3, json, os, sys
from botocore.exceptions import BotoCoreError, ClientError
def said(ask):
    try:
        return ask()
    except (BotoCoreError, ClientError) as error:
        return str(error)
s3, bucket = boto3.client("s3"), os.environ["BUCKET"]
def read(key):
    return said(lambda: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
"""


def saw(lines: list[str]) -> Any:
    return json.loads(next(line for line in lines if line.startswith("SAW ")).removeprefix("SAW "))
