"""BatchPutMetrics through boto3: what is stored, what is refused and by which code, who may."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from tests.kit.principals import Person, allow
from tests.kit.run_metrics import Run, new_component

from sagewright.testing.server import ServerProcess

Client = Callable[..., Any]
ALL = dict.fromkeys(range(2), "VALIDATION_ERROR")


def test_what_is_stored_is_answered_with_nothing(run: Run) -> None:
    answer = run.metrics.batch_put_metrics(TrialComponentName=run.name, MetricData=[run.datum(0.5, 0)])
    assert answer.keys() == {"ResponseMetadata"}
    assert run.curve() == [(0, 0.5)]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", float("nan"), 1e300, -1e109])
def test_a_value_that_is_no_number_is_refused_and_those_beside_it_stored(run: Run, value: Any) -> None:
    assert run.put(run.datum(1.0, 0), run.datum(float(value), 1), run.datum(2.0, 2)) == {1: "VALIDATION_ERROR"}
    assert run.curve() == [(0, 1.0), (2, 2.0)]


def test_times_are_from_two_weeks_ago_to_two_hours_from_now(run: Run) -> None:
    now = time.time() - run.begin
    day = 86_400
    moments = [now - 14 * day - 60, now - 14 * day + 60, now + 7140, now + 7260, -run.begin]
    assert run.put(*(run.datum(1.0, at=at) for at in moments)) == dict.fromkeys((0, 3, 4), "VALIDATION_ERROR")
    assert [count for _, count in run.curve("Count", "OneHour")] == [1.0, 1.0]


def test_every_value_of_one_moment_and_one_step_counts(run: Run) -> None:
    """SDK v2 sends whole seconds, and often no step."""
    assert run.put(*(run.datum(value) for value in (1.0, 3.0, 3.0, 2.0))) == {}
    assert run.put(run.datum(5.0, 1), run.datum(5.0, 1)) == {}
    assert run.curve("Count", "OneHour") == [(run.begin, 6.0)]
    assert run.curve("Count") == [(1, 2.0)]


def test_what_botocore_tries_again_counts_once(run: Run, server: ServerProcess) -> None:
    """An attempt whose answer was lost: the same call, by its invocation id, signed anew."""
    url, keys = f"{server.url}/BatchPutMetrics", server.credentials()
    body = json.dumps({"TrialComponentName": run.name, "MetricData": [run.datum(1.0)]})
    for attempt in (1, 2):
        headers = {
            "content-type": "application/json",
            "amz-sdk-invocation-id": "2e8a7fb2-0f6a-4b9d-8c52-d9b3f4f0c7a1",
            "amz-sdk-request": f"attempt={attempt}; max=5",
        }
        request = AWSRequest("PUT", url, data=body, headers=headers)
        found = Credentials(keys["access_key_id"], keys["secret_access_key"])
        SigV4Auth(found, "sagemaker", "us-east-1").add_auth(request)
        connection = HTTPConnection(server.url.removeprefix("http://"), timeout=30)
        connection.request("PUT", "/BatchPutMetrics", body, dict(request.prepare().headers.items()))
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"{}")
        connection.close()
    assert run.curve("Count", "OneHour") == [(run.begin, 1.0)]


def test_a_component_that_does_not_exist_has_no_metrics(client: Client) -> None:
    run = Run(client, "not-there")
    assert run.put(run.datum(1.0), run.datum(float("nan"))) == ALL
    assert Run(client, "job-aws-training-job").put(run.datum(1.0), run.datum(2.0)) == ALL
    assert Run(client, "aws-training-job").put(run.datum(1.0), run.datum(2.0)) == ALL


@pytest.mark.parametrize(
    ("kind", "path", "ending"),
    [
        ("TrainingJob", "training-job", "-aws-training-job"),
        ("ProcessingJob", "processing-job", "-aws-processing-job"),
        ("TransformJob", "transform-job", "-aws-transform-job"),
    ],
)
@pytest.mark.parametrize("job", ["plain-{}", "With-Capitals-{}"])
def test_a_jobs_own_component_is_there_with_the_job(
    client: Client, database_url: str, kind: str, path: str, ending: str, job: str
) -> None:
    job = new_component(database_url, kind, job.format(path), path)
    run = Run(client, f"{job.lower()}{ending}")
    assert run.put(run.datum(0.25, 3)) == {}
    assert run.curve() == [(3, 0.25)]
    assert run.curve(ResourceArn=run.arn.replace(f"experiment-trial-component/{run.name}", f"{path}/{job}")) == [
        (3, 0.25)
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Step": -1}, "ValidationException"),
        ({"Step": 1 << 31}, "SerializationException"),
        ({"MetricName": ""}, "ValidationException"),
        ({"MetricName": "n" * 256}, "ValidationException"),
    ],
)
def test_what_the_model_forbids_fails_the_whole_call(client: Client, run: Run, change: Any, code: str) -> None:
    unchecked = client("sagemaker-metrics", config=_unchecked())
    with pytest.raises(ClientError) as error:
        unchecked.batch_put_metrics(TrialComponentName=run.name, MetricData=[run.datum(1.0), run.datum(1.0) | change])
    assert error.value.response["Error"]["Code"] == code
    assert run.curve("Count", "OneHour") == []


@pytest.mark.parametrize(("name", "count"), [("With-Capitals", 1), ("run", 11), ("run", 0)])
def test_eleven_values_or_a_name_with_capitals_are_refused(client: Client, run: Run, name: str, count: int) -> None:
    unchecked = client("sagemaker-metrics", config=_unchecked())
    with pytest.raises(ClientError, match="ValidationException"):
        unchecked.batch_put_metrics(TrialComponentName=name, MetricData=[run.datum(1.0)] * count)


def _unchecked() -> Any:
    return Config(parameter_validation=False)


def test_a_name_that_postgresql_cannot_keep_is_refused(run: Run) -> None:
    assert run.put(run.datum(1.0, name="a\0b"), run.datum(1.0, 1)) == {0: "VALIDATION_ERROR"}


def test_more_metrics_than_a_component_may_have_exceed_the_limit(run: Run) -> None:
    for first in range(0, 1000, 10):
        assert run.put(*(run.datum(1.0, name=f"metric-{n}") for n in range(first, first + 10))) == {}
    refused = run.put(run.datum(2.0, name="metric-0"), run.datum(1.0, name="new"), run.datum(2.0, name="metric-1"))
    assert refused == {1: "METRIC_LIMIT_EXCEEDED"}


def test_only_who_is_allowed_writes_and_reads(client: Client, run: Run) -> None:
    ann = Person(client)
    hers = Run(ann.client, run.name)
    ann.may(allow("sagemaker:BatchPutMetrics", on=run.arn))
    assert hers.put(run.datum(1.0, 0)) == {}
    with pytest.raises(ClientError, match=r"not authorized to perform: sagemaker:BatchGetMetrics on resource: \S+run-"):
        hers.curve()
    ann.may(allow("sagemaker:BatchGetMetrics", on=run.arn))
    assert hers.curve() == [(0, 1.0)]
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:BatchPutMetrics"):
        hers.put(run.datum(1.0, 0))
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:BatchGetMetrics"):
        hers.get(run.query(), run.query(ResourceArn=f"{run.arn}-other"))
