"""Search and List over 100,000 training jobs, by boto3's way of asking: what the first use costs, and what each page.

python -m benchmarks.search          the commit that is checked out
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from benchmarks.tools import client, sagewright_server
from sagewright.core.ids import run_id
from sagewright.store.database import Database, sqlite_url
from sagewright.store.schema import resources, tags

ROWS, TURNS = 100_000, 7
ACCOUNT, REGION = "123456789012", "us-east-1"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"


def job(number: int) -> dict[str, Any]:
    """The row of a job that ended."""
    name = f"job-{number:06}"
    spec = {
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"eta": str(number * 7919 % ROWS / ROWS), "max_depth": str(number % 10), "objective": "reg"},
        "InputDataConfig": [
            {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": f"s3://bench/{number % 100}/train"}}},
            {"ChannelName": f"extra-{number % 7}", "DataSource": {"S3DataSource": {"S3Uri": "s3://bench/extra"}}},
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://bench/output"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": number % 50 + 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }
    final = [{"MetricName": "validation:rmse", "Value": number * 104729 % ROWS / 7.0, "Timestamp": 1.7e9 + number}]
    return {
        "id": run_id(),
        "account": ACCOUNT,
        "region": REGION,
        "kind": "TrainingJob",
        "name": name,
        "arn": ARN + name,
        "spec": spec,
        "status": {"SecondaryStatus": "Completed", "FinalMetricDataList": final},
        "run": {},
        "phase": "failed" if number % 20 == 0 else "succeeded",
        "shown": "failed" if number % 20 == 0 else "succeeded",
        "created": 1.7e9 + number,
        "modified": 1.7e9 + number * 31 % ROWS,
        "version": 1,
        "wish": "" if str(resources.c.wish.type).startswith("VARCHAR") else {},
    }


def fill(directory: Path) -> None:
    """Write the jobs, each with two tags."""
    database = Database(sqlite_url(directory))
    for start in range(0, ROWS, 5000):
        rows = [job(number) for number in range(start, start + 5000)]
        pairs = [
            {"arn": row["arn"], "key": key, "value": value}
            for number, row in enumerate(rows, start)
            for key, value in (("team", f"team-{number % 30}"), ("run", f"run-{number % 1000}"))
        ]
        with database.write() as connection:
            connection.execute(insert(resources), rows)
            connection.execute(insert(tags), pairs)
    database.close()


def where(*filters: tuple[str, str, str], either: bool = False) -> dict[str, Any]:
    listed = [dict(zip(("Name", "Operator", "Value"), each, strict=True)) for each in filters]
    return {"SearchExpression": {"Filters": listed, "Operator": "Or" if either else "And"}}


NESTED = {
    "NestedPropertyName": "InputDataConfig",
    "Filters": [
        {"Name": "InputDataConfig.ChannelName", "Operator": "Equals", "Value": "extra-3"},
        {"Name": "InputDataConfig.DataSource.S3DataSource.S3Uri", "Operator": "Contains", "Value": "extra"},
    ],
}
CASES: dict[str, dict[str, Any]] = {
    "no condition": {},
    "a hyperparameter's range, by a metric": {
        **where(("HyperParameters.eta", "LessThan", "0.01")),
        "SortBy": "Metrics.validation:rmse",
        "SortOrder": "Ascending",
    },
    "half of all, by a metric": {
        **where(("HyperParameters.eta", "LessThan", "0.5")),
        "SortBy": "Metrics.validation:rmse",
    },
    "a tag and a status": where(("Tags.team", "Equals", "team-7"), ("TrainingJobStatus", "Equals", "Failed")),
    "not a tag": where(("Tags.team", "NotEquals", "team-7")),
    "either of two": where(
        ("HyperParameters.max_depth", "Equals", "3"), ("Metrics.validation:rmse", "LessThan", "10"), either=True
    ),
    "a part of a name": where(("TrainingJobName", "Contains", "-0999")),
    "one channel of two conditions": {"SearchExpression": {"NestedFilters": [NESTED]}},
    "three conditions that many satisfy": where(
        ("HyperParameters.eta", "LessThan", "0.5"),
        ("ResourceConfig.VolumeSizeInGB", "GreaterThan", "10"),
        ("TrainingJobStatus", "Equals", "Completed"),
    ),
}


def measured(ask: Callable[[], Any]) -> tuple[float, float, Any]:
    """Milliseconds of the first call, the median of more, and the answer."""
    times = []
    for _ in range(TURNS):
        start = time.perf_counter()
        answer = ask()
        times.append((time.perf_counter() - start) * 1000)
    return times[0], statistics.median(times[1:]), answer


def main() -> None:
    """Print a line for each case."""
    with sagewright_server() as server:
        began = time.perf_counter()
        fill(server.data_dir)
        sagemaker = client("sagemaker", server)
        print(f"{ROWS:,} rows written in {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
        print("| | first | each | hits |\n|---|---|---|---|")
        for name, case in CASES.items():
            ask = partial(sagemaker.search, Resource="TrainingJob", MaxResults=100, **case)
            first, each, answer = measured(ask)
            print(
                f"| {name} | {first:.0f} ms | {each:.1f} ms | {answer.get('TotalHits', {}).get('Value')} |", flush=True
            )
        for name, more in (("List, newest", {}), ("List, Failed", {"StatusEquals": "Failed"})):
            first, each, _ = measured(partial(sagemaker.list_training_jobs, MaxResults=100, **more))
            print(f"| {name} | {first:.0f} ms | {each:.1f} ms | |", flush=True)
    print(f"| the server's memory | {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB | | |")


if __name__ == "__main__":
    main()
