"""A request for each noun of the area, with every member; the first is the ``example`` of the noun's ``NounCase``."""

from __future__ import annotations

import json
from typing import Any

from tests.kit.jobs import ROLE

DEFINITION = json.dumps(
    {"Version": "2020-12-01", "Steps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "enough"}}]}
)
PIPELINE: dict[str, Any] = {
    "PipelineName": "example",
    "PipelineDisplayName": "an-example",
    "PipelineDefinition": DEFINITION,
    "PipelineDescription": "it fails",
    "ClientRequestToken": "0" * 32,
    "RoleArn": ROLE,
    "ParallelismConfiguration": {"MaxParallelExecutionSteps": 2},
    "Tags": [{"Key": "k", "Value": "v"}],
}
EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("CreatePipeline", PIPELINE),
    ("UpdatePipeline", {"PipelineName": "example", "PipelineDefinition": DEFINITION, "RoleArn": ROLE}),
]
