"""The two lifecycles, as tables. Nothing else says which phase may follow which.

RUN is work that ends: training, processing, transform, a pipeline. STANDING is what stays: endpoints, notebooks, apps.
A kind gives its own words to the phases (``Completed``, ``InService``) and never adds one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """``moves`` maps a phase to those that may follow; a phase with no followers is final."""

    name: str
    first: str
    moves: Mapping[str, tuple[str, ...]]

    def allows(self, phase: str, following: str) -> bool:
        """Whether ``following`` may come after ``phase``; staying is always allowed."""
        return phase == following or following in self.moves[phase]

    def final(self, phase: str) -> bool:
        """Whether nothing follows ``phase``."""
        return not self.moves[phase]


RUN = Lifecycle(
    name="RUN",
    first="pending",
    moves={
        "pending": ("starting", "stopping", "stopped", "failed"),
        "starting": ("running", "saving", "stopping", "stopped", "failed"),
        "running": ("saving", "interrupted", "stopping", "stopped", "failed"),
        "interrupted": ("pending", "stopped", "failed"),
        "saving": ("succeeded", "stopped", "failed"),
        "stopping": ("stopped", "failed"),
        "stopped": (),
        "succeeded": (),
        "failed": (),
    },
)

STANDING = Lifecycle(
    name="STANDING",
    first="pending",
    moves={
        "pending": ("starting", "deleting", "failed"),
        "starting": ("ready", "deleting", "failed"),
        "ready": ("updating", "stopping", "deleting", "failed"),
        "updating": ("ready", "rolling_back", "deleting", "failed"),
        "rolling_back": ("ready", "deleting", "failed"),
        "stopping": ("stopped", "deleting", "failed"),
        "stopped": ("starting", "deleting"),
        "failed": ("deleting", "updating"),
        "deleting": ("gone", "failed"),
        "gone": (),
    },
)
