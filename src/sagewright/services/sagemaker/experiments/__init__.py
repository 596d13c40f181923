"""Experiments: experiments of trials, trials of trial components, and components in any number of trials."""

from pathlib import Path

from sagewright.nouns.members import register

register("sagemaker", Path(__file__).with_name("members.toml"))
