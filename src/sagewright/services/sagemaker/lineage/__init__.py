"""Lineage: artifacts, actions, contexts, what they have to do with one another, and what jobs leave by themselves."""

from pathlib import Path

from sagewright.nouns.members import register

register("sagemaker", Path(__file__).with_name("members.toml"))
