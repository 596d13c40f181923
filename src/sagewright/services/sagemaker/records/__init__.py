"""Definitions that are kept and described: images, lifecycle scripts, monitoring jobs, teams of workers."""

from pathlib import Path

from sagewright.nouns.members import register

register("sagemaker", Path(__file__).with_name("members.toml"))
