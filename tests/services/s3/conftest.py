"""boto3 and plain HTTP against the session's server, one bucket a test."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

Refusal = tuple[int, str]


@pytest.fixture(scope="session")
def s3(client: Callable[..., Any]) -> Any:
    return client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"test-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    return name
