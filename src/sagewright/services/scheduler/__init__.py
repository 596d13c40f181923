"""EventBridge Scheduler: schedules that start pipelines, in groups."""

from pathlib import Path

from sagewright.nouns import members

members.register("scheduler", Path(__file__).with_name("members.toml"))
