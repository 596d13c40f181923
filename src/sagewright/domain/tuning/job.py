"""A tuning job and its training jobs as plain data."""

from __future__ import annotations

import enum
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from sagewright.domain.tuning.completion import Criteria
from sagewright.domain.tuning.history import Observation
from sagewright.domain.tuning.ranges import Point, Space
from sagewright.domain.tuning.strategies import Strategy

MOST_JOBS = 750
MOST_RANDOM_JOBS = 10_000


class Goal(enum.Enum):
    """Which objective is better."""

    MAXIMIZE = "Maximize"
    MINIMIZE = "Minimize"

    def loss(self, objective: float) -> float:
        """Turn an objective into what is to be small, and back."""
        return -objective if self is Goal.MAXIMIZE else objective


@dataclass(frozen=True)
class Definition:
    """One kind of training job that the tuning job makes, with its own hyperparameters."""

    name: str | None
    metric: str
    goal: Goal
    space: Space


@dataclass(frozen=True)
class Limits:
    """How much may be spent."""

    jobs: int
    parallel: int
    runtime: float | None = None
    """Seconds from the tuning job's creation."""


@dataclass(frozen=True)
class Plan:
    """What a tuning job was asked to do, read from its request."""

    strategy: Strategy
    definitions: tuple[Definition, ...]
    limits: Limits
    criteria: Criteria = field(default_factory=Criteria)
    early_stopping: bool = False
    seed: int | None = None
    """None where the request gives none: then one is made from the tuning job's identity."""


@dataclass(frozen=True)
class TuningJob:
    """A tuning job as it stands."""

    name: str
    identity: str
    """What no other tuning job has, not even a later one of the same name."""
    plan: Plan
    created: float
    stopping: bool = False
    """Whether a user wants it stopped."""
    refused: str | None = None
    """Why a training job could not be created, where trying again is of no use."""

    def seed(self, definition: int) -> int:
        """The seed of one definition's search."""
        text = self.identity if self.plan.seed is None else str(self.plan.seed)
        return int.from_bytes(hashlib.sha256(f"{text}/{definition}".encode()).digest()[:8], "big")

    def child_name(self, number: int, definition: int = 0) -> str:
        """The name of training job ``number``, from 1, of a definition: the same whenever it is asked for."""
        digest = hashlib.sha256(f"{self.identity}/{number}/{definition}".encode()).hexdigest()
        return f"{self.name}-{number:03d}-{digest[:8]}"

    def child_of(self, name: str) -> tuple[int, int] | None:
        """The number and the definition that a training job's name was made of; None for a name of another kind."""
        number = name.removeprefix(f"{self.name}-").rpartition("-")[0]
        if not number.isdecimal():
            return None
        found = (index for index in range(len(self.plan.definitions)) if self.child_name(int(number), index) == name)
        definition = next(found, None)
        return None if definition is None else (int(number), definition)


class Phase(enum.Enum):
    """Where a training job stands."""

    RUNNING = "InProgress"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPED = "Stopped"

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self not in (Phase.RUNNING, Phase.STOPPING)


@dataclass(frozen=True)
class Child:
    """A training job of the tuning job."""

    name: str
    number: int
    definition: int
    """The index of its definition."""
    point: Point
    phase: Phase
    objective: float | None = None
    """The last value of the objective metric, None where none was reported."""
    curve: Sequence[float] = ()
    """The values of the objective metric, one a step."""
    ended: float | None = None
    retryable: bool = False
    """Whether it failed for a reason of the platform's, which may not be there the next time."""

    @property
    def result(self) -> float | None:
        """The objective of a job that ended without failing, where it is a number."""
        if not self.phase.ended or self.phase is Phase.FAILED or self.objective is None:
            return None
        return self.objective if math.isfinite(self.objective) else None


def history(plan: Plan, children: Sequence[Child], definition: int) -> list[Observation]:
    """What a definition's search knows, in the order of its training jobs."""
    goal = plan.definitions[definition].goal
    return [
        Observation(
            each.point,
            None if each.result is None else goal.loss(each.result),
            pending=not each.phase.ended,
        )
        for each in sorted(children, key=lambda each: each.number)
        if each.definition == definition
    ]
