"""Pipelines and their versions."""

from pathlib import Path

from sagewright.nouns.members import register

register("sagemaker", Path(__file__).with_name("members.toml"))
