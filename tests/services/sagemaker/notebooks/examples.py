"""A request for each noun of the area, with every member; the first is the ``example`` of the noun's ``NounCase``."""

from __future__ import annotations

import base64
from typing import Any

SCRIPT = base64.b64encode(b"#!/bin/bash\necho hello\n").decode()
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:git-AbCdEf"

CODE_REPOSITORY: dict[str, Any] = {
    "CodeRepositoryName": "example",
    "GitConfig": {"RepositoryUrl": "https://git.example.com/team/notebooks.git", "Branch": "main", "SecretArn": SECRET},
    "Tags": [{"Key": "k", "Value": "v"}],
}
LIFECYCLE_CONFIG: dict[str, Any] = {
    "NotebookInstanceLifecycleConfigName": "example",
    "OnCreate": [{"Content": SCRIPT}],
    "OnStart": [{"Content": SCRIPT}],
    "Tags": [{"Key": "k", "Value": "v"}],
}
EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("CreateCodeRepository", CODE_REPOSITORY),
    ("UpdateCodeRepository", {"CodeRepositoryName": "example", "GitConfig": {"SecretArn": SECRET}}),
    ("CreateNotebookInstanceLifecycleConfig", LIFECYCLE_CONFIG),
    ("UpdateNotebookInstanceLifecycleConfig", {"NotebookInstanceLifecycleConfigName": "example", "OnStart": []}),
]
