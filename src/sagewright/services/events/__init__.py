"""EventBridge: rules that start pipelines when an event matches, or from time to time."""

from pathlib import Path

from sagewright.nouns import members

members.register("events", Path(__file__).with_name("members.toml"))
