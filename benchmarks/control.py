"""The control plane against moto's server: Create and Describe one after the other, List over 10,000 jobs."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection
from typing import Any

from botocore.credentials import Credentials

from benchmarks.tools import (
    ROLE,
    Headers,
    client,
    free_port,
    keys_of,
    peer,
    post_all,
    sagewright_server,
    sign,
    span,
    table,
)

JOBS, BLOCK, LISTS = 10_000, 500, 5
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"

TEXT = """\
## The control plane, against moto's server

Requests are signed beforehand and sent one after the other on one connection. moto keeps everything in memory and
calls a job Completed at once; ours verifies the signature and the request, writes to disk and queues the job, which
waits for a place that another job holds.
"""


def run() -> str:
    pairs: dict[str, dict[str, list[float]]] = {kind: {"ours": [], "moto": []} for kind in ("model", "job")}
    lists: dict[str, dict[str, list[float]]] = {kind: {"ours": [], "moto": []} for kind in ("first", "all")}
    port = free_port()
    moto = peer("-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), port=port, wait_for="/moto-api/")
    with sagewright_server("--max-instances", "1") as server, moto as moto_url:
        client("s3", server).create_bucket(Bucket="bench")  # ours checks that the output has somewhere to go
        sides = {"ours": (server.url, keys_of(server)), "moto": (moto_url, Credentials("a", "b"))}
        for side in sides.values():
            post_all(side[0], [call(*side, "CreateTrainingJob", job("holder", 3600))])
        for block in range(JOBS // BLOCK):
            for name, side in sides.items():
                pairs["job"][name].append(BLOCK / post_all(side[0], job_pairs(side, block)))
                if block < LISTS:
                    pairs["model"][name].append(BLOCK / post_all(side[0], model_pairs(side, block)))
        for _ in range(LISTS):
            for name, side in sides.items():
                lists["first"][name].append(
                    1 / post_all(side[0], [call(*side, "ListTrainingJobs", {"MaxResults": 100})])
                )
                lists["all"][name].append(1 / list_all(*side))
    rows = [
        row("CreateModel + DescribeModel, pairs a second", pairs["model"]),
        row("CreateTrainingJob + DescribeTrainingJob, pairs a second", pairs["job"]),
        row("ListTrainingJobs, newest 100 of 10,000, a second", lists["first"]),
        row("ListTrainingJobs, all 10,000 in pages of 100, a second", lists["all"], ".2f"),
    ]
    return TEXT + "\n" + table(["", "Sagewright", "moto", "ratio"], rows)


def row(title: str, sides: dict[str, list[float]], form: str = ",.0f") -> list[str]:
    ratios = [a / b for a, b in zip(sides["ours"], sides["moto"], strict=True)]
    return [title, span(sides["ours"], form), span(sides["moto"], form), span(ratios, ".2f")]


def call(url: str, keys: Credentials, operation: str, body: dict[str, Any]) -> tuple[Headers, bytes]:
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"SageMaker.{operation}"}
    return sign(url + "/", keys, "sagemaker", headers, data), data


def job(name: str, seconds: int = 1) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["sleep", str(seconds)],
        },
        "OutputDataConfig": {"S3OutputPath": "s3://bench/output"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }


def job_pairs(side: tuple[str, Credentials], block: int) -> list[tuple[Headers, bytes]]:
    requests = []
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        requests.append(call(*side, "CreateTrainingJob", job(f"job-{number}")))
        requests.append(call(*side, "DescribeTrainingJob", {"TrainingJobName": f"job-{number}"}))
    return requests


def model_pairs(side: tuple[str, Credentials], block: int) -> list[tuple[Headers, bytes]]:
    requests = []
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        model = {"ModelName": f"model-{number}", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}}
        requests.append(call(*side, "CreateModel", model))
        requests.append(call(*side, "DescribeModel", {"ModelName": f"model-{number}"}))
    return requests


def list_all(url: str, keys: Credentials) -> float:
    """Seconds to page through all jobs; raises when they are not all there."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=120)
    start, found, token = time.perf_counter(), 0, ""
    while True:
        headers, body = call(
            url, keys, "ListTrainingJobs", {"MaxResults": 100, **({"NextToken": token} if token else {})}
        )
        connection.request("POST", "/", body, headers)
        page = json.loads(connection.getresponse().read())
        found += len(page["TrainingJobSummaries"])
        token = page.get("NextToken", "")
        if not token:
            break
    connection.close()
    if found < JOBS:
        raise RuntimeError(f"{found} jobs listed of {JOBS}")
    return time.perf_counter() - start
