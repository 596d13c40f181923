"""What is known of one execution: what it was started with, what its steps have come to, what has been observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from sagewright.domain.pipelines.caching import Earlier
from sagewright.domain.pipelines.parameters import Value

StepStatus = Literal["Starting", "Executing", "Stopping", "Stopped", "Failed", "Succeeded"]
Status = Literal["Executing", "Stopping", "Stopped", "Failed", "Succeeded"]

ACTIVE: frozenset[str] = frozenset({"Starting", "Executing", "Stopping"})
RETRYABLE: frozenset[str] = frozenset({"Failed", "Stopped"})
"""The executions that RetryPipelineExecution takes."""


@dataclass(frozen=True)
class Execution:
    """What an execution was started with. Times are seconds since the epoch; ``most_parallel`` None is no limit.

    ``selected`` are the only steps to run, with ``source`` the execution that the steps before them are taken of.
    ``round`` counts RetryPipelineExecution, from 1. ``stopping`` says that somebody asked it to stop.
    """

    id: str
    arn: str
    pipeline_name: str
    pipeline_arn: str
    began: float
    parameters: Mapping[str, Value] = field(default_factory=dict)
    most_parallel: int | None = None
    selected: frozenset[str] | None = None
    source: str | None = None
    round: int = 1
    stopping: bool = False

    def selects(self, step: str) -> bool:
        """Whether a step is to run, as far as a selection says."""
        return self.selected is None or step in self.selected


@dataclass(frozen=True)
class StepRun:
    """What one step has come to. A step that has not begun has none.

    ``token`` is unique to the attempt and ``name`` the name of what it makes. ``document`` is what its properties show,
    from its success on. ``cause`` says in a sentence why the cache answered, or not.
    """

    status: StepStatus
    began: float
    ended: float | None = None
    attempt: int = 1
    token: str = ""
    name: str = ""
    arn: str | None = None
    document: Mapping[str, Any] | None = None
    failure: str | None = None
    outcome: bool | None = None
    message: str | None = None
    cached_from: str | None = None
    selected_from: str | None = None
    key: Mapping[str, Any] | None = None
    cause: str | None = None
    differences: Sequence[Mapping[str, Any]] = ()
    retried: Sequence[str] = ()
    retry_at: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As a document to be kept, without what it does not have."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "", (), [])}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> StepRun:
        """Of a kept document; members of a newer version are left out."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in document.items() if name in known})

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    def ends(self, status: StepStatus, now: float, **changes: Any) -> StepRun:
        """The same step at its end."""
        return replace(self, status=status, ended=now, retry_at=None, **changes)


@dataclass(frozen=True)
class Made:
    """What a step has made: its ARN, and what its properties show (``kinds.questions``)."""

    arn: str
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Refusal:
    """An order that was refused, with the error's code and message."""

    code: str
    message: str


@dataclass(frozen=True)
class Observed:
    """What the caller has seen. ``made`` and ``refused`` go by the token of the order.

    ``files`` has texts by S3 URI, None for one that cannot be read; ``earlier`` for each step its successes in earlier
    executions of the pipeline. Both hold what a decision before has asked for, and may hold nothing yet.
    """

    made: Mapping[str, Made] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    files: Mapping[str, str | None] = field(default_factory=dict)
    earlier: Mapping[str, Sequence[Earlier]] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepare:
    """Make something that a step takes for granted, unless it is there: ``describe`` with ``wanted`` finds it."""

    describe: str
    wanted: Mapping[str, Any]
    create: str
    request: Mapping[str, Any]


@dataclass(frozen=True)
class Create:
    """Make what a step is for. Doing it twice has to be doing it once: by the name, or by a ClientToken."""

    step: str
    token: str
    name: str
    operation: str
    request: Mapping[str, Any]
    before: tuple[Prepare, ...] = ()


@dataclass(frozen=True)
class Stop:
    """Stop what a step has made."""

    step: str
    name: str
    operation: str
    request: Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """What is to be noted and done.

    ``files`` (S3 URIs) and ``earlier`` (steps) are to be looked up, and decided again with, before the orders are
    final: what needs them has not begun. ``due`` is when to decide again though nothing moved, for a retry.
    """

    status: Status
    steps: Mapping[str, StepRun]
    orders: tuple[Create | Stop, ...] = ()
    failure: str | None = None
    files: frozenset[str] = frozenset()
    earlier: frozenset[str] = frozenset()
    due: float | None = None


def retried(execution: Execution, steps: Mapping[str, StepRun]) -> tuple[Execution, dict[str, StepRun]]:
    """The execution as RetryPipelineExecution resumes it: what succeeded stays, all else begins anew."""
    kept = {name: run for name, run in steps.items() if run.status == "Succeeded"}
    return replace(execution, round=execution.round + 1, stopping=False), kept
