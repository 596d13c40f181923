"""StartLiveTail through boto3, as ``sagewright env`` sets it up."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.kit.principals import Person, allow

from sagewright.testing.server import ServerProcess

Client = Callable[..., Any]


@pytest.fixture(scope="module")
def logs(client: Client) -> Any:
    return client("logs", config=Config(inject_host_prefix=False))


@pytest.fixture
def group(logs: Any) -> Iterator[str]:
    name = f"/live/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name)
    yield name
    logs.delete_log_group(logGroupName=name)


def say(logs: Any, group: str, stream: str, *messages: str) -> None:
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def arn(logs: Any, group: str) -> str:
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    return str(found["logGroupArn"])


def follow(session: Any, count: int) -> list[Any]:
    """The results of the updates until there are ``count``."""
    found: list[Any] = []
    for event in session:
        found += event["sessionUpdate"]["sessionResults"]
        if len(found) >= count:
            return found
    raise AssertionError("the stream ended")


def test_what_comes_is_told(logs: Any, group: str) -> None:
    logs.create_log_stream(logGroupName=group, logStreamName="one")
    say(logs, group, "one", "before")
    asked = {"logGroupIdentifiers": [arn(logs, group)], "logEventFilterPattern": "ERROR -noise"}
    answer = logs.start_live_tail(**asked)["responseStream"]
    session = iter(answer)
    start = next(session)["sessionStart"]
    assert start["logGroupIdentifiers"] == asked["logGroupIdentifiers"]
    assert start["logEventFilterPattern"] == "ERROR -noise"
    assert next(session)["sessionUpdate"] == {"sessionMetadata": {"sampled": False}, "sessionResults": []}

    say(logs, group, "one", "ERROR first", "fine", "ERROR noise")
    logs.create_log_stream(logGroupName=group, logStreamName="two")
    say(logs, group, "two", "ERROR second")
    found = follow(session, 2)
    answer.close()
    assert {(each["logStreamName"], each["message"]) for each in found} == {
        ("one", "ERROR first"),
        ("two", "ERROR second"),
    }
    assert all(each["logGroupIdentifier"].endswith(f":{group}") for each in found)


def test_streams_can_be_chosen_and_an_update_is_bounded(logs: Any, group: str) -> None:
    for stream in ("algo-1", "algo-2", "other"):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    asked = {"logGroupIdentifiers": [arn(logs, group)]}
    named = logs.start_live_tail(**asked, logStreamNames=["other"])["responseStream"]
    prefixed = logs.start_live_tail(**asked, logStreamNamePrefixes=["algo-"])["responseStream"]
    sessions = [iter(named), iter(prefixed)]
    for session in sessions:
        assert "sessionStart" in next(session)
    say(logs, group, "other", *(f"line {number}" for number in range(600)))
    say(logs, group, "algo-2", "hello")
    updates = (event["sessionUpdate"] for event in sessions[0])
    update = next(update for update in updates if update["sessionResults"])
    assert update["sessionMetadata"] == {"sampled": True}
    assert [each["message"] for each in update["sessionResults"]] == [f"line {number}" for number in range(100, 600)]
    assert [each["message"] for each in follow(sessions[1], 1)] == ["hello"]
    named.close()
    prefixed.close()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"logGroupIdentifiers": ["arn:aws:logs:us-east-1:123456789012:log-group:none"]}, "ResourceNotFoundException"),
        ({"logStreamNames": ["a"], "logStreamNamePrefixes": ["b"]}, "InvalidParameterException"),
        ({"logEventFilterPattern": "{ $.a = "}, "InvalidParameterException"),
    ],
)
def test_what_is_refused(logs: Any, group: str, change: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as error:
        logs.start_live_tail(**{"logGroupIdentifiers": [arn(logs, group)], **change})
    assert error.value.response["Error"]["Code"] == code


def test_the_shells_variables_keep_the_host(server: ServerProcess) -> None:
    assert server.shell_env()["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"


def test_each_group_is_asked_for(logs: Any, group: str, client: Client) -> None:
    own = arn(logs, group)
    person = Person(client).may(allow("logs:StartLiveTail", on=f"{own}:*"))
    tail = person.client("logs", config=Config(inject_host_prefix=False)).start_live_tail
    answer = tail(logGroupIdentifiers=[own])["responseStream"]
    assert "sessionStart" in next(iter(answer))
    answer.close()
    with pytest.raises(ClientError) as error:
        tail(logGroupIdentifiers=[own, f"{own}-of-others"])
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
