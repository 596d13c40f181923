"""When a step need not run again: what its cache key is made of, how long a result holds, and why it was used or not.

Only members named in ``KEY_MEMBERS`` count; the key holds URIs of inputs, not what lies there.
Source: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_TUNED = (
    "AlgorithmSpecification",
    "HyperParameterRanges",
    "InputDataConfig",
    "StaticHyperParameters",
    "TuningObjective",
)
_CHECK = ("CheckType", "CheckJobConfig", "SkipCheck", "RegisterNewBaseline", "ModelPackageGroupName")
_BASELINE = ("SuppliedBaselineStatistics", "SuppliedBaselineConstraints")

KEY_MEMBERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
        "Training": (
            "AlgorithmSpecification",
            "CheckpointConfig",
            "DebugHookConfig",
            "DebugRuleConfigurations",
            "Environment",
            "HyperParameters",
            "InputDataConfig",
        ),
        "Tuning": (
            "HyperParameterTuningJobConfig",
            *(f"TrainingJobDefinition.{name}" for name in _TUNED),
            "TrainingJobDefinitions",
        ),
        "AutoML": (
            *(
                f"AutoMLJobConfig.{name}"
                for name in ("CompletionCriteria", "CandidateGenerationConfig", "DataSplitConfig", "Mode")
            ),
            "AutoMLJobObjective",
            "InputDataConfig",
            "ProblemType",
        ),
        "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
        "ClarifyCheck": ("ClarifyCheckConfig", *_CHECK, "SuppliedBaselineConstraints"),
        "QualityCheck": ("QualityCheckConfig", *_CHECK, *_BASELINE),
        "EMR": ("ClusterId", "StepConfig"),
    }
)
"""For each step type the members of its request that its cache key is made of, a dot for a member of a member."""

_SPAN = re.compile(
    r"P?(?:(?P<y>\d+)Y)?(?:(?P<mo>\d+)M)?(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?"
    r"(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+(?:\.\d+)?)S)?)?",
    re.IGNORECASE,
)
_DAY = 86400.0
_SECONDS = {"y": 365 * _DAY, "mo": 30 * _DAY, "w": 7 * _DAY, "d": _DAY, "h": 3600.0, "m": 60.0, "s": 1.0}


@dataclass(frozen=True)
class CacheConfig:
    """Whether a step may be answered by an earlier one, and by one how old (seconds; None: of any age)."""

    enabled: bool
    expires_after: float | None = None


def parse(document: Any) -> CacheConfig:
    """Reads ``CacheConfig``. Raises ``ValueError``."""
    if not isinstance(document, Mapping) or not isinstance(document.get("Enabled", False), bool):
        raise ValueError("CacheConfig needs a boolean 'Enabled'")
    unknown = sorted(set(document) - {"Enabled", "ExpireAfter"})
    if unknown:
        raise ValueError(f"CacheConfig: Cannot parse object, unknown property '{unknown[0]}'")
    after = document.get("ExpireAfter")
    return CacheConfig(document.get("Enabled", False), None if after is None else seconds(after))


def seconds(text: Any) -> float:
    """A duration in seconds: ISO 8601 and the shorter forms ``30d``, ``T16m``, ``30dT5h``. Raises ``ValueError``."""
    found = _SPAN.fullmatch(text) if isinstance(text, str) else None
    given = {unit: float(amount) for unit, amount in found.groupdict().items() if amount} if found else {}
    if not given or len(text) > 64 or text.upper().endswith("T"):
        raise ValueError(f"CacheConfig.ExpireAfter '{text}' is no duration such as P30D, PT1H or P30DT5H")
    return sum(_SECONDS[unit] * amount for unit, amount in given.items())


Key = Mapping[str, Any]
"""What a step's result depends on: member of its request → value; members that are not there are left out."""


def key(step_type: str, request: Mapping[str, Any]) -> Key | None:
    """The cache key of a step with resolved arguments; None for types whose steps always run."""
    members = KEY_MEMBERS.get(step_type)
    if members is None:
        return None
    found = {member: _member(request, member) for member in members}
    return {member: value for member, value in found.items() if value not in (None, {}, [], "")}


def _member(request: Mapping[str, Any], path: str) -> Any:
    value: Any = request
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def digest(made_of: Key) -> str:
    """One short text for a key: equal for equal keys, whatever the order of members."""
    return hashlib.sha256(_canonical(made_of).encode()).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


@dataclass(frozen=True)
class Earlier:
    """A step of an earlier execution of the same pipeline that ran and succeeded, by the same name and type."""

    execution: str
    """The ARN of the execution in which it really ran."""
    ended: float
    key: Key
    arn: str | None = None
    document: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Difference:
    """One member of the key that differs from the nearest earlier run; None where it was not there."""

    member: str
    before: Any
    now: Any


@dataclass(frozen=True)
class Verdict:
    """Whether an earlier step answers, and why or why not: ``reason`` is a sentence for people."""

    hit: Earlier | None
    reason: str
    differences: tuple[Difference, ...] = ()


def look_up(wanted: Key, earlier: Iterable[Earlier], config: CacheConfig, now: float) -> Verdict:
    """Finds the newest earlier step with this key; without one, explains the miss beside the nearest one."""
    found = sorted(earlier, key=lambda each: each.ended, reverse=True)
    if not found:
        return Verdict(None, "The step has not succeeded in an earlier execution of this pipeline.")
    text = _canonical(wanted)
    same = [each for each in found if _canonical(each.key) == text]
    if not same:
        nearest = min(found, key=lambda each: len(differences(each.key, wanted)))
        differing = differences(nearest.key, wanted)
        names = ", ".join(each.member for each in differing)
        return Verdict(None, f"Beside {nearest.execution} these differ: {names}.", differing)
    newest = same[0]
    if config.expires_after is not None and newest.ended + config.expires_after < now:
        return Verdict(None, f"The result of {newest.execution} has the same key and is older than ExpireAfter allows.")
    return Verdict(newest, f"Every member of the key is as in {newest.execution}.")


def differences(before: Key, now: Key) -> tuple[Difference, ...]:
    """What differs between two keys, down to the members and elements that do."""
    return tuple(_differences(before, now, ""))


def _differences(before: Any, now: Any, where: str) -> Iterable[Difference]:
    if _canonical(before) == _canonical(now):
        return
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in sorted({*before, *now}):
            yield from _differences(before.get(name), now.get(name), f"{where}.{name}" if where else name)
    elif _is_list(before) and _is_list(now) and len(before) == len(now):
        for position, (left, right) in enumerate(zip(before, now, strict=True)):
            yield from _differences(left, right, f"{where}[{position}]")
    else:
        yield Difference(where, before, now)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
