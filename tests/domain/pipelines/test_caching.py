"""Which members make a cache key, how long a result holds, and what a verdict says."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.domain.pipelines.caching import KEY_MEMBERS, CacheConfig, Earlier, digest, key, look_up, seconds

TRAINING = {
    "AlgorithmSpecification": {"TrainingImage": "i"},
    "HyperParameters": {"a": "1"},
    "InputDataConfig": [{"ChannelName": "train", "Uri": "s3://b/a"}, {"ChannelName": "test", "Uri": "s3://b/t"}],
    "ResourceConfig": {"InstanceType": "ml.m5.large"},
    "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
    "RoleArn": "r",
    "Tags": [],
    "Environment": {},
}
ALWAYS = CacheConfig(enabled=True)


def test_only_the_named_members_count() -> None:
    made = key("Training", TRAINING)
    assert made is not None
    assert set(made) == {"AlgorithmSpecification", "HyperParameters", "InputDataConfig"}
    other = {**TRAINING, "RoleArn": "s", "ResourceConfig": {}, "OutputDataConfig": {}, "Environment": None}
    assert key("Training", other) == made
    assert digest(made) == digest(dict(reversed(made.items())))
    assert key("Model", {"ModelName": "m"}) is None
    tuned = key("Tuning", {"TrainingJobDefinition": {"InputDataConfig": [1], "RoleArn": "r"}})
    assert tuned == {"TrainingJobDefinition.InputDataConfig": [1]}


@pytest.mark.parametrize("step_type", KEY_MEMBERS)
def test_every_member_of_a_key_changes_it(step_type: str) -> None:
    empty = key(step_type, {})
    assert empty == {}
    for member in KEY_MEMBERS[step_type]:
        first, _, rest = member.partition(".")
        request: dict[str, Any] = {first: {rest: "x"} if rest else "x"}
        assert key(step_type, request) == {member: "x"}


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("PT1H", 3600),
        ("T16m", 960),
        ("30d", 30 * 86400),
        ("30dT5h", 30 * 86400 + 5 * 3600),
        ("p30d", 30 * 86400),
        ("P1W", 7 * 86400),
        ("P1Y2M3DT4H5M6.5S", 365 * 86400 + 60 * 86400 + 3 * 86400 + 4 * 3600 + 300 + 6.5),
    ],
)
def test_durations(text: str, amount: float) -> None:
    assert seconds(text) == amount


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "1", "H1", "P-1D", "soon", 5, None])
def test_what_is_no_duration(text: Any) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        seconds(text)


def earlier(execution: str, ended: float, **changes: Any) -> Earlier:
    made = key("Training", {**TRAINING, **changes})
    assert made is not None
    return Earlier(execution, ended, made)


def test_the_newest_earlier_run_with_the_same_key_answers() -> None:
    made = key("Training", TRAINING)
    assert made is not None
    runs = [earlier("old", 10.0), earlier("new", 20.0), earlier("newest, other", 30.0, HyperParameters={"a": "2"})]
    hit = look_up(made, runs, ALWAYS, 100.0).hit
    assert hit is not None
    assert hit.execution == "new"
    assert look_up(made, runs, CacheConfig(enabled=True, expires_after=80.0), 100.0).hit is hit
    late = look_up(made, runs, CacheConfig(enabled=True, expires_after=79.0), 100.0)
    assert late.hit is None
    assert "older than ExpireAfter" in late.reason


def test_a_miss_is_explained_beside_the_nearest_run() -> None:
    made = key("Training", TRAINING)
    assert made is not None
    inputs = [{"ChannelName": "train", "Uri": "s3://b/b"}, {"ChannelName": "test", "Uri": "s3://b/t"}]
    near = earlier("near", 10.0, InputDataConfig=inputs)
    far = earlier("far", 20.0, InputDataConfig=inputs[:1], HyperParameters={"b": "1"})
    verdict = look_up(made, [near, far], ALWAYS, 100.0)
    assert verdict.hit is None
    assert verdict.reason == "Beside near these differ: InputDataConfig[0].Uri."
    assert [(each.before, each.now) for each in verdict.differences] == [("s3://b/b", "s3://b/a")]
    assert "has not succeeded in an earlier" in look_up(made, [], ALWAYS, 100.0).reason
