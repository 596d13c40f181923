"""TransformJob through boto3: how records are cut, filtered, joined and written, and who is named when one fails."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.eventually import eventually
from tests.kit.jobs import Jobs
from tests.kit.transforms import LINES, Transforms, transforms_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def transforms(jobs: Jobs) -> Transforms:
    return transforms_of(jobs)


def test_each_object_has_its_answers_in_order(transforms: Transforms) -> None:
    many = "".join(f"{number},1\n" for number in range(3000))
    files: dict[str, str | bytes] = {"a.csv": "1,2\n3,4", "deep/b.csv": many, "empty.csv": ""}
    expected = {
        "a.csv.out": b"30.0\n70.0\n",
        "deep/b.csv.out": "".join(f"{(number + 1) * 10.0}\n" for number in range(3000)).encode(),
        "empty.csv.out": b"",
    }
    batched = transforms.start(files, **LINES)
    single = transforms.start(files, BatchStrategy="SingleRecord", count=2, **LINES)
    whole = transforms.start({"whole.csv": gzip.compress(b"1,2\n3,4\n")}, input={"CompressionType": "Gzip"})
    job, written = transforms.wait(batched)
    assert (job["TransformJobStatus"], written) == ("Completed", expected), transforms.log(batched)
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    assert job["ModelName"] == transforms.model
    assert transforms.wait(single)[1] == expected
    assert transforms.wait(whole)[1] == {"whole.csv.out": b"30.0\n70.0"}, "AssembleWith None adds nothing"
    listed = transforms.jobs.sagemaker.list_transform_jobs(NameContains=batched, StatusEquals="Completed")
    assert [each["TransformJobName"] for each in listed["TransformJobSummaries"]] == [batched]
    assert "[transform] deep/b.csv: 3000 records" in transforms.log(batched)


def test_packed_input_that_never_ends_or_is_none(transforms: Transforms) -> None:
    """A record is looked at only as far as it takes to see that it is too long, however small it is packed."""
    packed = {"CompressionType": "Gzip"}
    long = transforms.start({"bomb.csv": gzip.compress(b"1" * (1 << 20)) * 200}, input={**packed, "SplitType": "Line"})
    whole = transforms.start({"bomb.csv": gzip.compress(b"1" * (1 << 20)) * 200}, input=packed)
    torn = transforms.start({"torn.csv": gzip.compress(b"1,2\n" * 9999)[:-20]}, input=packed)
    plain = transforms.start({"plain.csv": b"1,2\n"}, input=packed)
    for name, reason in (
        (long, "bomb.csv line 1: longer than"),
        (whole, "bomb.csv: longer than"),
        (torn, "torn.csv: "),
        (plain, "plain.csv: Not a gzipped file"),
    ):
        job, _ = transforms.wait(name)
        assert job["TransformJobStatus"] == "Failed"
        assert reason in job["FailureReason"]


def test_json_lines_and_the_size_of_a_payload(transforms: Transforms) -> None:
    line = json.dumps({"x": [1, 2], "pad": "." * 300_000})
    written = transforms.completed(
        {"a.jsonl": f"{line}\n" * 5},
        uri="/a.jsonl",
        MaxPayloadInMB=1,
        input={"SplitType": "Line", "ContentType": "application/jsonlines"},
        output={"AssembleWith": "Line", "Accept": "application/jsonlines"},
    )
    answers = [json.loads(each) for each in written["a.jsonl.out"].splitlines()]
    assert [(each["sum"], each["batch"], each["of"]) for each in answers] == [(3, "true", 3)] * 3 + [(3, "true", 2)] * 2


def test_records_are_filtered_and_joined(transforms: Transforms) -> None:
    csv = transforms.start(
        {"a.csv": 'id-1,1,2\n"id,2",3,4\n'},
        DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
        **LINES,
    )
    lines = {
        "input": {"SplitType": "Line", "ContentType": "application/jsonlines"},
        "output": {"AssembleWith": "Line", "Accept": "application/jsonlines"},
    }
    documents = {"a.jsonl": '{"id": 1, "f": {"x": [1, 2]}}\n{"id": 2, "f": {"x": [3]}}\n'}
    joined = transforms.start(
        documents,
        DataProcessing={"InputFilter": "$.f", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"},
        **lines,
    )
    arrays = transforms.start(
        {"a.jsonl": "[1, 2]\n"}, DataProcessing={"JoinSource": "Input"}, BatchStrategy="SingleRecord", **lines
    )
    lost = transforms.start(documents, DataProcessing={"InputFilter": "$.g"}, **lines)
    assert transforms.wait(csv)[1] == {"a.csv.out": b'id-1,30.0\n"id,2",70.0\n'}
    answers = [json.loads(line) for line in transforms.wait(joined)[1]["a.jsonl.out"].splitlines()]
    assert [(each["id"], each["SageMakerOutput"]["sum"]) for each in answers] == [(1, 3), (2, 3)]
    answer = json.loads(transforms.wait(arrays)[1]["a.jsonl.out"])
    assert (answer["SageMakerInput"], answer["SageMakerOutput"]["sum"]) == ([1, 2], 3)
    assert "a.jsonl line 1: InputFilter: $.g leads nowhere" in transforms.wait(lost)[0]["FailureReason"]


def test_the_one_bad_row_is_named_and_the_other_files_are_written(transforms: Transforms) -> None:
    rows = [f"{number},1" for number in range(2000)]
    rows[1233] = "1,oops"
    slow = {"BatchStrategy": "SingleRecord", "Environment": {"SLEEP": "0.5"}, "count": 2}
    hosts = transforms.start({"a-bad.csv": "oops\n", "b.csv": "1\n2\n3\n"}, **slow, **LINES)
    job, written = transforms.run({"bad.csv": "\n".join(rows), "good.csv": "1,1\n"}, **LINES)
    assert job["TransformJobStatus"] == "Failed"
    assert "bad.csv line 1234: the model answered 500: inference.py line" in job["FailureReason"]
    assert "could not convert string to float: 'oops'" in job["FailureReason"]
    assert written == {"good.csv.out": b"20.0\n"}
    job, written = transforms.wait(hosts)
    assert "a-bad.csv line 1:" in job["FailureReason"]
    assert written == {"b.csv.out": b"10.0\n20.0\n30.0\n"}, "another host's files too"


@pytest.mark.parametrize(
    ("kind", "words"),
    [("model", "RuntimeError: no such model"), ("die", r"a.csv: the model server.*exit code 3")],
)
def test_a_model_server_that_ends_fails_the_job(transforms: Transforms, kind: str, words: str) -> None:
    job, written = transforms.run({"a.csv": "1,1\n"}, Environment={"BREAK": kind}, **LINES)
    assert job["TransformJobStatus"] == "Failed"
    import re

    assert re.search(words, job["FailureReason"], re.DOTALL), (job, transforms.log(job["TransformJobName"]))
    assert not written


def test_a_payload_too_large_and_one_that_is_slow_say_so(transforms: Transforms) -> None:
    large = transforms.start({"a.csv": "1," * (1 << 20) + "1"}, MaxPayloadInMB=1)
    slow = transforms.start(
        {"a.csv": "1,1\n"}, Environment={"SLEEP": "60"}, ModelClientConfig={"InvocationsTimeoutInSeconds": 1}, **LINES
    )
    assert "a.csv: 2097153 bytes are more than MaxPayloadInMB allows" in transforms.wait(large)[0]["FailureReason"]
    assert "a.csv: the model server did not answer within 1 seconds" in transforms.wait(slow)[0]["FailureReason"]


def test_a_job_is_stopped_and_leaves_whole_objects_alone(transforms: Transforms) -> None:
    name = transforms.start(
        {"a.csv": "1,1\n", "b.csv": "1\n" * 500}, Environment={"SLEEP": "0.2"}, BatchStrategy="SingleRecord", **LINES
    )
    eventually(lambda: "[transform] a.csv: 1 records" in transforms.log(name), what=lambda: str(transforms.log(name)))
    transforms.jobs.sagemaker.stop_transform_job(TransformJobName=name)
    job, written = transforms.wait(name)
    assert job["TransformJobStatus"] == "Stopped"
    assert written == {"a.csv.out": b"20.0\n"}
    with pytest.raises(ClientError, match="is in status Stopped"):
        transforms.jobs.sagemaker.stop_transform_job(TransformJobName=name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.update(ModelName="nobody"), "Could not find model"),
        (lambda r: r["TransformInput"].update(SplitType="RecordIO"), "RecordIO is not supported"),
        (lambda r: r["TransformInput"]["DataSource"]["S3DataSource"].update(S3DataType="ManifestFile"), "ManifestFile"),
        (lambda r: r["TransformInput"]["DataSource"]["S3DataSource"].update(S3Uri="s3://none/x"), "No S3 objects"),
        (lambda r: r["TransformOutput"].update(S3OutputPath="s3://not-a-bucket"), "does not exist"),
        (lambda r: r.update(MaxPayloadInMB=20, MaxConcurrentTransforms=6), "must not be more than 100"),
        (lambda r: r.update(DataProcessing={"InputFilter": "$.a[?(@.b)]"}), "is not a JSONPath"),
        (lambda r: r.update(DataProcessing={"JoinSource": "Input"}), "SplitType Line"),
        (
            lambda r: (
                r["TransformInput"].update(ContentType="image/png"),
                r.update(DataProcessing={"InputFilter": "$[1]"}),
            ),
            "text/csv",
        ),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    transforms: Transforms, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    request = transforms.request({"a.csv": "1\n"})
    change(request)
    with pytest.raises(ClientError, match=words) as refused:
        transforms.jobs.sagemaker.create_transform_job(**request)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
