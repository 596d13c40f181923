"""Reads a pipeline's definition and checks it whole, so that what starts can only fail by what its steps do.

Unknown members of a step are kept and have no effect here: a definition comes back byte by byte as it was given, and
newer SDKs may say more than is known. Unknown members of the definition itself are refused.
Source: https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagewright.domain.pipelines import caching, conditions, kinds, parameters, references, retries

VERSION = "2020-12-01"
MOST_BYTES, MOST_STEPS, MOST_NESTED = 1024 * 1024, 500, 32

_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_MEMBERS = ("Version", "Metadata", "Parameters", "PipelineExperimentConfig", "MlflowConfig", "Steps")
_PREFIX = "Unable to parse pipeline definition. "


class DefinitionError(ValueError):
    """The definition is wrong; the text names the step and its member."""

    def __init__(self, sentence: str) -> None:
        super().__init__(_PREFIX + sentence[:1].upper() + sentence[1:] + ("" if sentence.endswith(".") else "."))


@dataclass(frozen=True)
class PropertyFile:
    """A JSON file among a processing step's outputs that later steps read values of."""

    name: str
    output: str
    path: str


@dataclass(frozen=True)
class Branch:
    """Where a nested step stands: below which condition step, and for which outcome it runs."""

    condition: str
    outcome: bool


@dataclass(frozen=True)
class Step:
    """One step, nested ones too. ``arguments`` holds expressions still; ``document`` is the step as it was given."""

    name: str
    type: str
    arguments: Mapping[str, Any]
    document: Mapping[str, Any]
    branch: Branch | None = None
    depends_on: tuple[str, ...] = ()
    refers_to: frozenset[str] = frozenset()
    cache: caching.CacheConfig | None = None
    retries: tuple[retries.Policy, ...] = ()
    property_files: Mapping[str, PropertyFile] = field(default_factory=dict)

    @property
    def display_name(self) -> str | None:
        return self.document.get("DisplayName") or None

    @property
    def description(self) -> str | None:
        return self.document.get("Description") or None


@dataclass(frozen=True)
class Definition:
    """A definition that holds together. ``steps`` has every step by name, nested ones behind their condition."""

    steps: Mapping[str, Step]
    parameters: tuple[parameters.Parameter, ...]
    experiment: Mapping[str, Any] | None
    """ExperimentName and TrialName, expressions still; None where the pipeline keeps no experiment."""


def parse(text: str) -> Definition:
    """Reads a definition. Raises ``DefinitionError``."""
    document = _document(text)
    unknown = [name for name in document if name not in _MEMBERS]
    if unknown:
        raise DefinitionError(f"Cannot parse object, unknown property '{unknown[0]}'")
    if document.get("Version") != VERSION:
        raise DefinitionError(f"Version has to be '{VERSION}'")
    if not isinstance(document.get("Metadata") or {}, Mapping):
        raise DefinitionError("Metadata has to be an object")
    if document.get("MlflowConfig"):
        raise DefinitionError("MlflowConfig is not supported yet")
    try:
        declared = parameters.parse(document.get("Parameters"))
        experiment = _experiment(document)
    except ValueError as error:
        raise DefinitionError(str(error)) from None
    steps: dict[str, Step] = {}
    for step in _steps(document.get("Steps"), "Steps", None, 0):
        if step.name in steps:
            raise DefinitionError(f"two steps have the name '{step.name}'; a name has to be unique, nested steps too")
        steps[step.name] = step
        if len(steps) > MOST_STEPS:
            raise DefinitionError(f"a pipeline can have {MOST_STEPS} steps")
    if not steps:
        raise DefinitionError("Steps has to hold at least one step")
    made = Definition(steps, declared, experiment)
    for step in steps.values():
        _check_references(made, step)
    return made


def _document(text: str) -> Mapping[str, Any]:
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise DefinitionError(f"it is longer than {MOST_BYTES} bytes")
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DefinitionError(f"it is no JSON: {error}") from None
    if not isinstance(document, Mapping):
        raise DefinitionError("it has to be a JSON object")
    return document


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def _experiment(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The experiment and trial of an execution; by default the pipeline's name and the execution's id."""
    defaults = {
        "ExperimentName": {"Get": "Execution.PipelineName"},
        "TrialName": {"Get": "Execution.PipelineExecutionId"},
    }
    if "PipelineExperimentConfig" not in document:
        return defaults
    config = document["PipelineExperimentConfig"]
    if config is None:
        return None
    if not isinstance(config, Mapping) or set(config) - set(defaults):
        raise ValueError("PipelineExperimentConfig has ExperimentName and TrialName, and nothing else")
    for where, reference in references.references(config, "PipelineExperimentConfig"):
        if reference.root in ("Steps", "PipelineExperimentConfig"):
            raise ValueError(f"{where}: '{reference.text}' is not known before the first step")
    return {**defaults, **config}


def _steps(documents: Any, where: str, branch: Branch | None, depth: int) -> Iterator[Step]:
    if not isinstance(documents, list):
        raise DefinitionError(f"{where} has to be a list")
    if depth > MOST_NESTED:
        raise DefinitionError(f"{where}: conditions are nested more than {MOST_NESTED} deep")
    for position, document in enumerate(documents):
        if not isinstance(document, Mapping):
            raise DefinitionError(f"{where}[{position}] has to be an object")
        name = document.get("Name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise DefinitionError(f"{where}[{position}].Name has to be 1 to 64 letters, digits, '-' and '_'")
        try:
            step = _step(name, document, branch)
        except ValueError as error:
            raise DefinitionError(f"step '{name}': {error}") from None
        yield step
        if step.type == kinds.CONDITION:
            for member, outcome in (("IfSteps", True), ("ElseSteps", False)):
                nested = step.arguments.get(member) or []
                yield from _steps(nested, f"step '{name}': {member}", Branch(name, outcome), depth + 1)


def _step(name: str, document: Mapping[str, Any], branch: Branch | None) -> Step:
    """One step of its document. Raises ``ValueError`` that names the member."""
    kind, arguments = document.get("Type"), document.get("Arguments")
    if not isinstance(kind, str) or not kind:
        raise ValueError("Type has to be a string")
    if not isinstance(arguments, Mapping):
        if arguments is not None or kind in kinds.RUNNABLE:
            raise ValueError("Arguments has to be an object")
        arguments = {}
    for member, longest in (("DisplayName", 256), ("Description", 3072)):
        value = document.get(member)
        if value is not None and (not isinstance(value, str) or len(value) > longest):
            raise ValueError(f"{member} has to be a string of at most {longest} characters")
    return Step(
        name,
        kind,
        arguments,
        document,
        branch,
        _names(document.get("DependsOn")),
        _refers_to(kind, arguments),
        caching.parse(document["CacheConfig"]) if document.get("CacheConfig") is not None else None,
        _retries(kind, document),
        _property_files(kind, document),
    )


def _names(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("DependsOn has to be a list of names of steps")
    return tuple(dict.fromkeys(value))


def _retries(kind: str, document: Mapping[str, Any]) -> tuple[retries.Policy, ...]:
    given = retries.parse(document.get("RetryPolicies"))
    if given and kind in kinds.RUNNABLE and (kind not in kinds.KINDS or not kinds.KINDS[kind].retries):
        raise ValueError(f"RetryPolicies: a step of type {kind} cannot be retried")
    return given


def _property_files(kind: str, document: Mapping[str, Any]) -> Mapping[str, PropertyFile]:
    given = document.get("PropertyFiles")
    if not given:
        return {}
    if kind != "Processing" and kind in kinds.RUNNABLE:
        raise ValueError("PropertyFiles belong to steps of type Processing")
    if not isinstance(given, list):
        raise ValueError("PropertyFiles has to be a list")
    found: dict[str, PropertyFile] = {}
    for position, file in enumerate(given):
        texts = [file.get(name) if isinstance(file, Mapping) else None for name in _FILE_MEMBERS]
        if not all(isinstance(text, str) and text for text in texts):
            raise ValueError(f"PropertyFiles[{position}] needs {', '.join(_FILE_MEMBERS)}")
        name = str(texts[0])
        if name in found:
            raise ValueError(f"PropertyFiles: '{name}' is there twice")
        found[name] = PropertyFile(name, str(texts[1]), str(texts[2]))
    return found


_FILE_MEMBERS = ("PropertyFileName", "OutputName", "FilePath")


def own_arguments(kind: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """A step's arguments without the steps that are nested in it."""
    if kind != kinds.CONDITION:
        return arguments
    return {name: value for name, value in arguments.items() if name not in ("IfSteps", "ElseSteps")}


def _refers_to(kind: str, arguments: Mapping[str, Any]) -> frozenset[str]:
    """The steps whose properties a step's own arguments name. Of a type that cannot run nothing is known."""
    if kind not in kinds.RUNNABLE:
        return frozenset()
    own = own_arguments(kind, arguments)
    if kind == kinds.CONDITION:
        conditions.check(own.get("Conditions"), "Conditions")
    return frozenset(found.name for _, found in references.references(own) if found.root == "Steps")


def _check_references(made: Definition, step: Step) -> None:
    """Refuses names of steps, parameters and property files that are not there."""
    for name in step.depends_on:
        if name not in made.steps:
            raise DefinitionError(f"step '{step.name}': DependsOn names '{name}', and there is no such step")
        if name == step.name:
            raise DefinitionError(f"step '{step.name}': DependsOn names the step itself")
    if step.type not in kinds.RUNNABLE:
        return
    declared = {parameter.name for parameter in made.parameters}
    for where, found in references.references(own_arguments(step.type, step.arguments)):
        wrong = _wrong(made, declared, found)
        if wrong:
            raise DefinitionError(f"step '{step.name}': {where}: '{found.text}': {wrong}")


def _wrong(made: Definition, declared: set[str], found: references.Reference) -> str | None:
    if found.root == "Steps":
        return _wrong_step(made.steps.get(found.name), found)
    if found.root == "Parameters" and found.name not in declared:
        return f"there is no parameter '{found.name}'"
    if found.root == "PipelineExperimentConfig" and made.experiment is None:
        return "the pipeline has no PipelineExperimentConfig"
    return None


def _wrong_step(target: Step | None, found: references.Reference) -> str | None:
    if target is None:
        return f"there is no step '{found.name}'"
    if target.type == kinds.FAIL:
        return f"the step '{found.name}' is of type Fail and has no properties"
    if found.property_file is not None and found.property_file not in target.property_files:
        return f"the step '{found.name}' has no property file '{found.property_file}'"
    return None
