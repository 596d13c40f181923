"""What is known of models: groups and their packages, and model cards."""

from pathlib import Path

from sagewright.nouns.members import register

register("sagemaker", Path(__file__).with_name("members.toml"))
