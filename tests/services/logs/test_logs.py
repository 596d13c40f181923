"""CloudWatch Logs through boto3: what the SDKs need to follow a job's log, and what users write and search."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagewright.testing.server import ServerProcess

Client = Callable[..., Any]
NOW = int(time.time() * 1000)
MISSING_GROUP = "The specified log group does not exist."
MISSING_STREAM = "The specified log stream does not exist."


def refused(code: str, call: Callable[..., Any], **members: Any) -> str:
    """The message with which ``call`` is refused."""
    with pytest.raises(ClientError) as error:
        call(**members)
    response = error.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, 400)
    return str(response["Error"]["Message"])


@pytest.fixture(scope="module")
def logs(client: Client) -> Any:
    return client("logs")


@pytest.fixture
def group(logs: Any) -> Iterator[str]:
    name = f"/test/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name)
    yield name
    logs.delete_log_group(logGroupName=name)


def fill(logs: Any, group: str, stream: str, *messages: str, at: int = NOW, step: int = 1) -> None:
    """A stream with these messages, ``step`` milliseconds apart."""
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": at + number * step, "message": message} for number, message in enumerate(messages)]
    if events:
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"] for event in answer["events"]]


def test_before_a_job_starts_its_group_is_not_there(logs: Any) -> None:
    """Both SDKs wait for it as long as they get this very error."""
    missing = {"logGroupName": "/aws/sagemaker/NoSuchJobs"}
    stream = missing | {"logStreamName": "job/algo-1-1"}

    assert refused("ResourceNotFoundException", logs.describe_log_streams, **missing) == MISSING_GROUP
    assert refused("ResourceNotFoundException", logs.get_log_events, **stream) == MISSING_GROUP
    assert refused("ResourceNotFoundException", logs.filter_log_events, **missing) == MISSING_GROUP
    assert refused("ResourceNotFoundException", logs.create_log_stream, **stream) == MISSING_GROUP
    assert refused("ResourceNotFoundException", logs.delete_log_group, **missing) == MISSING_GROUP
    assert (
        refused("ResourceNotFoundException", logs.put_retention_policy, retentionInDays=1, **missing) == MISSING_GROUP
    )


def test_a_missing_stream_is_told_from_a_missing_group(logs: Any, group: str) -> None:
    stream = {"logGroupName": group, "logStreamName": "missing"}
    events = [{"timestamp": NOW, "message": "x"}]

    assert refused("ResourceNotFoundException", logs.get_log_events, **stream) == MISSING_STREAM
    assert refused("ResourceNotFoundException", logs.delete_log_stream, **stream) == MISSING_STREAM
    assert refused("ResourceNotFoundException", logs.put_log_events, logEvents=events, **stream) == MISSING_STREAM
    names = {"logGroupName": group, "logStreamNames": ["missing"]}
    assert refused("ResourceNotFoundException", logs.filter_log_events, **names) == MISSING_STREAM


def test_groups_are_described_with_what_they_hold(logs: Any, group: str) -> None:
    fill(logs, group, "stream", "hello")
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]

    assert found["logGroupArn"] == f"arn:aws:logs:us-east-1:123456789012:log-group:{group}"
    assert found["arn"] == found["logGroupArn"] + ":*"
    assert (found["retentionInDays"], found["storedBytes"] > 0) == (7, True)
    logs.delete_retention_policy(logGroupName=group)
    (found,) = logs.describe_log_groups(logGroupNamePattern=group[8:])["logGroups"]
    assert "retentionInDays" not in found
    refused("ResourceAlreadyExistsException", logs.create_log_group, logGroupName=group)
    assert "enum value set" in refused(
        "InvalidParameterException", logs.put_retention_policy, logGroupName=group, retentionInDays=2
    )


def test_groups_belong_to_a_region(client: Client, group: str) -> None:
    assert client("logs", "eu-west-1").describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []


def test_groups_come_in_pages(logs: Any) -> None:
    prefix = f"/pages/{uuid.uuid4().hex}/"
    for number in range(5):
        logs.create_log_group(logGroupName=f"{prefix}{number}")

    pages = list(
        logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix, PaginationConfig={"PageSize": 2})
    )
    names = [found["logGroupName"] for page in pages for found in page["logGroups"]]
    assert names == [f"{prefix}{number}" for number in range(5)]
    for name in names:
        logs.delete_log_group(logGroupName=name)


def test_tags_stay_with_the_group(logs: Any) -> None:
    name = f"/tags/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name, tags={"team": "churn"})
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{name}"
    logs.tag_resource(resourceArn=arn, tags={"cost": "1"})
    logs.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"cost": "1"}

    logs.delete_log_group(logGroupName=name)
    logs.create_log_group(logGroupName=name)
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {}
    logs.delete_log_group(logGroupName=name)


def test_sdk_v2_finds_the_streams_of_a_job_and_stops_asking(logs: Any, group: str) -> None:
    """It asks again for as long as there is a nextToken, and never passes it."""
    for stream in ("job-1/algo-1-17", "job-1/algo-2-17", "job-10/algo-1-17"):
        fill(logs, group, stream)
    asked = {"logGroupName": group, "logStreamNamePrefix": "job-1/", "orderBy": "LogStreamName", "limit": 2}
    answer = logs.describe_log_streams(**asked)

    assert [stream["logStreamName"] for stream in answer["logStreams"]] == ["job-1/algo-1-17", "job-1/algo-2-17"]
    assert "nextToken" not in answer
    assert "nextToken" in logs.describe_log_streams(**asked | {"limit": 1})


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("order", "expected"), [("LogStreamName", "abc"), ("LastEventTime", "bca")])
def test_streams_come_in_order_and_in_pages(logs: Any, group: str, order: str, expected: str, descending: bool) -> None:
    for number, stream in enumerate("bca"):
        fill(logs, group, stream, "event", at=NOW + number)
    pages = list(
        logs.get_paginator("describe_log_streams").paginate(
            logGroupName=group, orderBy=order, descending=descending, PaginationConfig={"PageSize": 1}
        )
    )

    names = "".join(stream["logStreamName"] for page in pages for stream in page["logStreams"])
    assert names == (expected[::-1] if descending else expected)
    assert len(pages) == 3


def test_streams_tell_the_times_of_their_events(logs: Any, group: str) -> None:
    fill(logs, group, "full", "one", "two", "three", step=1000)
    fill(logs, group, "empty")
    empty, full = logs.describe_log_streams(logGroupName=group)["logStreams"]

    assert (full["firstEventTimestamp"], full["lastEventTimestamp"]) == (NOW, NOW + 2000)
    assert full["arn"].endswith(f":log-group:{group}:log-stream:full")
    assert "firstEventTimestamp" not in empty
    refused(
        "InvalidParameterException",
        logs.describe_log_streams,
        logGroupName=group,
        orderBy="LastEventTime",
        logStreamNamePrefix="f",
    )


def test_following_a_log_to_its_end_and_on(logs: Any, group: str) -> None:
    """Both tokens always come; at the end the same token comes back, and later events after it."""
    stream = {"logGroupName": group, "logStreamName": "stream"}
    fill(logs, group, "stream")
    first = logs.get_log_events(**stream, startFromHead=True)
    assert (first["events"], "nextBackwardToken" in first) == ([], True)

    def put(message: str) -> None:
        logs.put_log_events(**stream, logEvents=[{"timestamp": NOW, "message": message}])

    put("one\nof two lines\r\\n")
    second = logs.get_log_events(**stream, startFromHead=True, nextToken=first["nextForwardToken"])
    end = logs.get_log_events(**stream, startFromHead=True, nextToken=second["nextForwardToken"])
    assert messages(second) == ["one\nof two lines\r\\n"]
    assert (end["events"], end["nextForwardToken"]) == ([], second["nextForwardToken"])

    put("two")
    more = logs.get_log_events(**stream, startFromHead=True, nextToken=end["nextForwardToken"])
    assert messages(more) == ["two"]
    back = logs.get_log_events(**stream, nextToken=more["nextBackwardToken"])
    assert messages(back) == messages(second)
    begin = logs.get_log_events(**stream, nextToken=back["nextBackwardToken"])
    assert (begin["events"], begin["nextBackwardToken"]) == ([], back["nextBackwardToken"])


def test_without_a_token_the_latest_events_come(logs: Any, group: str) -> None:
    fill(logs, group, "stream", *"abcde")
    stream = {"logGroupName": group, "logStreamName": "stream"}

    assert messages(logs.get_log_events(**stream, limit=2)) == ["d", "e"]
    assert messages(logs.get_log_events(**stream, limit=2, startFromHead=True)) == ["a", "b"]
    window = {"startTime": NOW + 1, "endTime": NOW + 3}
    assert messages(logs.get_log_events(**stream, **window)) == ["b", "c"]
    by_arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{group}"
    assert messages(logs.get_log_events(logGroupIdentifier=by_arn, logStreamName="stream", limit=1)) == ["e"]


@pytest.mark.parametrize("token", ["x", "f/-1/s", "f/1", "b/" + "9" * 56 + "/s", "f/\u0661/s", "f/1/s\n"])
def test_tokens_that_are_none_are_refused(logs: Any, group: str, token: str) -> None:
    fill(logs, group, "stream", "x")
    stream = {"logGroupName": group, "logStreamName": "stream"}

    message = refused("InvalidParameterException", logs.get_log_events, nextToken=token, **stream)
    assert message == "The specified nextToken is invalid."
    for call in (logs.filter_log_events, logs.describe_log_streams):
        refused("InvalidParameterException", call, logGroupName=group, nextToken=token)
    for token_of_no_position in (
        "7b7d",
        b'{"a":-1}'.hex(),
        b'{"a":true}'.hex(),
        b"[1]".hex(),
        ("[" * 9999).encode().hex(),
    ):
        if token_of_no_position != "7b7d":
            refused(
                "InvalidParameterException", logs.filter_log_events, logGroupName=group, nextToken=token_of_no_position
            )
        refused(
            "InvalidParameterException", logs.describe_log_streams, logGroupName=group, nextToken=token_of_no_position
        )
        refused("InvalidParameterException", logs.describe_log_groups, nextToken=token_of_no_position)


def put(logs: Any, group: str, *texts: str) -> None:
    events = [{"timestamp": NOW, "message": text} for text in texts]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


@pytest.mark.parametrize("offset", [1 << 61, 1 << 62, 10_000])
@pytest.mark.parametrize("way", "fb")
def test_a_token_beyond_the_end_is_refused(logs: Any, group: str, offset: int, way: str) -> None:
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    put(logs, group, "a", "b")
    stream = {"logGroupName": group, "logStreamName": "s"}
    refused("InvalidParameterException", logs.get_log_events, nextToken=f"{way}/{offset:056d}/s", **stream)
    first = logs.filter_log_events(logGroupName=group, limit=1)["nextToken"]
    positions = json.loads(bytes.fromhex(first))
    beyond = json.dumps(dict.fromkeys(positions, offset)).encode().hex()
    refused("InvalidParameterException", logs.filter_log_events, logGroupName=group, nextToken=beyond)


@pytest.mark.parametrize("way", "fb")
def test_a_token_in_the_middle_of_an_event_gives_whole_events(logs: Any, group: str, way: str) -> None:
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    put(logs, group, "0000 first", "1111 second", "2222 third")
    stream = {"logGroupName": group, "logStreamName": "s"}
    end = int(logs.get_log_events(startFromHead=True, **stream)["nextForwardToken"].split("/")[1])
    whole = [(event["timestamp"], event["message"]) for event in logs.get_log_events(**stream)["events"]]
    for offset in range(end):
        events = logs.get_log_events(nextToken=f"{way}/{offset:056d}/s", **stream)["events"]
        seen = [(event["timestamp"], event["message"]) for event in events]
        assert seen == (whole[len(whole) - len(seen) :] if way == "f" else whole[: len(seen)])


def test_batches_keep_the_rules(logs: Any, group: str) -> None:
    fill(logs, group, "stream")

    def put(*events: tuple[int, str]) -> dict[str, Any]:
        listed = [{"timestamp": timestamp, "message": message} for timestamp, message in events]
        found: dict[str, Any] = logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=listed)
        return found

    for wrong, words in (
        ([(NOW, "b"), (NOW - 1, "a")], "chronological order"),
        ([(NOW - 90_000_000, "a"), (NOW, "b")], "cannot span more than 24 hours"),
        ([(NOW, "x" * 1_048_576)], "Upload too large"),
    ):
        with pytest.raises(ClientError, match=words):
            put(*wrong)
    day = 86_400_000
    answer = put((NOW - 15 * day, "old"), (NOW, "now"), (NOW + day, "new"))
    rejected = answer["rejectedLogEventsInfo"]
    assert rejected["tooOldLogEventEndIndex"] == 1
    assert rejected["tooNewLogEventStartIndex"] == 2
    assert messages(logs.get_log_events(logGroupName=group, logStreamName="stream")) == ["now"]


def test_filtering_interleaves_streams_in_order_of_time(logs: Any, group: str) -> None:
    fill(logs, group, "a", "a0", "a2", "a4", step=20)
    fill(logs, group, "b", "b1", "b3", "b5", at=NOW + 10, step=20)
    fill(logs, group, "other", "x")

    answer = logs.filter_log_events(logGroupName=group, logStreamNames=["a", "b"])
    assert messages(answer) == ["a0", "b1", "a2", "b3", "a4", "b5"]
    assert [event["logStreamName"] for event in answer["events"][:2]] == ["a", "b"]
    assert len({event["eventId"] for event in answer["events"]}) == 6
    assert "nextToken" not in answer
    assert messages(logs.filter_log_events(logGroupName=group, logStreamNamePrefix="oth")) == ["x"]
    within = {"startTime": NOW + 10, "endTime": NOW + 30}
    assert messages(logs.filter_log_events(logGroupName=group, **within)) == ["b1", "a2", "b3"]


def test_following_a_filter_as_sdk_v3_does(logs: Any, group: str) -> None:
    """It gives our token to botocore as the paginator's StartingToken."""
    fill(logs, group, "AllTraffic/i-1", *"abcde")
    first = logs.filter_log_events(logGroupName=group, logStreamNamePrefix="AllTraffic/", limit=2)
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group,
        logStreamNamePrefix="AllTraffic/",
        PaginationConfig={"StartingToken": first["nextToken"], "PageSize": 2},
    )

    assert [message for page in pages for message in messages(page)] == ["c", "d", "e"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", ["ERROR disk full", "WARN disk slow", "error net", 'say "hi"']),
        ("disk", ["ERROR disk full", "WARN disk slow"]),
        ("disk ERROR", ["ERROR disk full"]),
        ('"disk full"', ["ERROR disk full"]),
        (r'"say \"hi\""', ['say "hi"']),
        ("?ERROR ?WARN", ["ERROR disk full", "WARN disk slow"]),
        ("disk -full", ["WARN disk slow"]),
        ('-"disk full" -hi', ["WARN disk slow", "error net"]),
        ("nothing", []),
    ],
)
def test_patterns_of_words(logs: Any, group: str, pattern: str, found: list[str]) -> None:
    fill(logs, group, "stream", "ERROR disk full", "WARN disk slow", "error net", 'say "hi"')

    assert messages(logs.filter_log_events(logGroupName=group, filterPattern=pattern)) == found


def test_filtering_from_the_newest_event_back(logs: Any, group: str) -> None:
    fill(logs, group, "a", "a0", "a2", "a4", step=20)
    fill(logs, group, "b", "b1", "b3", "b5", at=NOW + 10, step=20)
    asked = {"logGroupName": group, "startFromHead": False}

    assert messages(logs.filter_log_events(**asked)) == ["b5", "a4", "b3", "a2", "b1", "a0"]
    first = logs.filter_log_events(**asked, limit=4)
    assert messages(first) == ["b5", "a4", "b3", "a2"]
    logs.put_log_events(logGroupName=group, logStreamName="a", logEvents=[{"timestamp": NOW + 99, "message": "later"}])
    second = logs.filter_log_events(**asked, nextToken=first["nextToken"])
    assert (messages(second), "nextToken" in second) == (["b1", "a0"], False)
    within = logs.filter_log_events(**asked, startTime=NOW + 10, endTime=NOW + 30, filterPattern="b")
    assert messages(within) == ["b3", "b1"]


def test_events_tell_when_they_came(logs: Any, group: str) -> None:
    before = time.time_ns() // 1_000_000
    fill(logs, group, "stream", "late", at=NOW - 3_600_000)
    after = time.time_ns() // 1_000_000
    for call in (logs.get_log_events, logs.filter_log_events):
        given = {"logStreamName": "stream"} if call == logs.get_log_events else {}
        (event,) = call(logGroupName=group, **given)["events"]
        assert event["timestamp"] == NOW - 3_600_000
        assert before <= event["ingestionTime"] <= after + 1
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert stream["lastIngestionTime"] == event["ingestionTime"]


def test_what_a_group_no_longer_keeps_is_not_shown(logs: Any, group: str) -> None:
    fill(logs, group, "stream", "old", at=NOW - 2 * 86_400_000)
    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=[{"timestamp": NOW, "message": "new"}])
    asked = {"logGroupName": group, "logStreamName": "stream", "startTime": 0}

    assert messages(logs.get_log_events(**asked)) == ["old", "new"]
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    assert messages(logs.get_log_events(**asked)) == ["new"]
    assert messages(logs.get_log_events(**asked, startFromHead=True)) == ["new"]
    assert messages(logs.filter_log_events(logGroupName=group)) == ["new"]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    streams=st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=3),
    limit=st.integers(1, 4),
    word=st.sampled_from(["", "m", "3"]),
)
def test_filter_pages_give_every_event_once(logs: Any, streams: list[list[int]], limit: int, word: str) -> None:
    group = f"/test/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=group)
    expected = []
    for number, times in enumerate(streams):
        logs.create_log_stream(logGroupName=group, logStreamName=f"s{number}")
        for position, at in enumerate(times):  # not in order, as writers with clocks that step back leave them
            message = f"m{number}.{position}"
            listed = [{"timestamp": NOW + at, "message": message}]
            logs.put_log_events(logGroupName=group, logStreamName=f"s{number}", logEvents=listed)
            expected += [message] if word in message else []

    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern=word, PaginationConfig={"PageSize": limit}
    )
    found = [message for page in pages for message in messages(page)]
    logs.delete_log_group(logGroupName=group)
    assert sorted(found) == sorted(expected)


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    """Positions that a client holds stay right too, whatever the dying server left of a line."""
    server = ServerProcess(tmp_path / "data", ephemeral=False)
    server.start()
    try:
        logs = boto3.client("logs", **server.client_options())  # type: ignore[call-overload]
        logs.create_log_group(logGroupName="group")
        fill(logs, "group", "stream", *(f"{number} " + "x" * 1000 for number in range(500)))
        asked = {"logGroupName": "group", "logStreamName": "stream", "startFromHead": True}
        first = logs.get_log_events(**asked, limit=100)
        server.kill()
        (file,) = (tmp_path / "data" / "logs").glob("*/*.log")
        with file.open("ab") as torn:
            torn.write(f"{NOW}\thalf a li".encode())
        server.start()
        logs = boto3.client("logs", **server.client_options())  # type: ignore[call-overload]
        later = [{"timestamp": NOW + 1000, "message": "after"}]
        logs.put_log_events(logGroupName="group", logStreamName="stream", logEvents=later)
        rest = logs.get_log_events(**asked, nextToken=first["nextForwardToken"])
        assert [text.split()[0] for text in messages(first) + messages(rest)][:500] == [str(n) for n in range(500)]
        assert messages(rest)[-1] == "after"
    finally:
        server.stop()
