"""Makes of a step's resolved arguments the request that it stands for, with the names that a pipeline gives.

What a step makes is called ``pipelines-<execution>-<step>-<token>``, or begins with the name in the arguments where the
definition keeps one. The token is the same whenever the same attempt is asked for, so nothing is made twice.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from sagewright.domain.pipelines.definition import Step
from sagewright.domain.pipelines.execution import Create, Execution, Prepare
from sagewright.domain.pipelines.kinds import KINDS, Kind

_TOKEN = 10
_LONGEST_EXPERIMENT = 120


def token(execution: Execution, step: str, attempt: int) -> str:
    """A text of ten letters and digits for one attempt of one step."""
    made_of = f"{execution.arn}\n{step}\n{execution.round}\n{attempt}".encode()
    return base64.b32encode(hashlib.sha256(made_of).digest()).decode().lower()[:_TOKEN]


def name(execution: Execution, step: Step, attempt: int, given: Any = None) -> str:
    """The name of what an attempt makes; ``given`` is the name in the step's resolved arguments."""
    kind, unique = KINDS[step.type], token(execution, step.name, attempt)
    if isinstance(given, str) and given:
        return given if kind.named else _joined(kind, (given, unique))
    if kind.longest >= 63:
        return _joined(kind, (f"pipelines-{execution.id}", step.name, unique))
    return _joined(kind, (execution.id, step.name, unique))


def _joined(kind: Kind, parts: tuple[str, ...]) -> str:
    """Joins parts with hyphens; the last but one is cut where the whole would be too long."""
    *firsts, cut, last = parts
    room = kind.longest - sum(len(part) + 1 for part in (*firsts, last))
    middle = re.sub(r"[^a-zA-Z0-9]+", "-", cut)[: max(room, 0)].strip("-")
    return "-".join(part for part in (*firsts, middle, last) if part)


def create(
    execution: Execution, step: Step, attempt: int, arguments: Mapping[str, Any], experiment: Mapping[str, str]
) -> Create:
    """The order that makes what a step is for. ``experiment`` is empty where the pipeline keeps none."""
    kind, unique = KINDS[step.type], token(execution, step.name, attempt)
    called = name(execution, step, attempt, arguments.get(kind.name))
    request = {member: value for member, value in arguments.items() if value is not None}
    before: list[Prepare] = []
    if step.type == "RegisterModel":
        request["ClientToken"] = _client_token(execution, step.name, attempt)
        before = _group(request)
        if "ModelPackageGroupName" not in request:
            request.setdefault(kind.name, called)
    else:
        request[kind.name] = called
    if kind.experiment and experiment:
        request["ExperimentConfig"] = {**experiment, "TrialComponentDisplayName": step.name}
        before = _experiment(experiment)
    return Create(step.name, unique, called, kind.create, request, tuple(before))


def _client_token(execution: Execution, step: str, attempt: int) -> str:
    """A text for idempotency; what is asked for with the same one is made once."""
    return f"{execution.id}-{token(execution, step, attempt)}".ljust(36, "0")[:36]


def _group(request: Mapping[str, Any]) -> list[Prepare]:
    """A package's group is made where there is none."""
    group = request.get("ModelPackageGroupName")
    if not isinstance(group, str) or group.startswith("arn:"):
        return []
    wanted = {"ModelPackageGroupName": group}
    return [Prepare("DescribeModelPackageGroup", wanted, "CreateModelPackageGroup", wanted)]


def experiment_config(texts: Mapping[str, Any]) -> dict[str, str]:
    """ExperimentName and TrialName as they may be: letters, digits and hyphens, at most 120."""
    return {
        member: re.sub(r"[^a-zA-Z0-9]+", "-", str(text))[:_LONGEST_EXPERIMENT].strip("-")
        for member, text in texts.items()
    }


def _experiment(experiment: Mapping[str, str]) -> list[Prepare]:
    by_experiment = {"ExperimentName": experiment["ExperimentName"]}
    by_trial = {"TrialName": experiment["TrialName"]}
    return [
        Prepare("DescribeExperiment", by_experiment, "CreateExperiment", by_experiment),
        Prepare("DescribeTrial", by_trial, "CreateTrial", {**by_trial, **by_experiment}),
    ]
