"""Automatic model tuning: training jobs that look for the best hyperparameters."""

from pathlib import Path

from sagewright.nouns.members import register

register("sagemaker", Path(__file__).with_name("members.toml"))
