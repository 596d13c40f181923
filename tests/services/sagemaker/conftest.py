"""What the tests of SageMaker's nouns share: a bucket, and training jobs that run a script."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from tests.kit.jobs import Jobs


@pytest.fixture(scope="session")
def jobs(client: Callable[..., Any]) -> Jobs:
    s3 = client("s3")
    bucket = f"jobs-{uuid.uuid4().hex[:10]}"
    s3.create_bucket(Bucket=bucket)
    return Jobs(client("sagemaker"), s3, client("logs"), bucket)
