"""What a definition's values refer to: ``{"Get": …}``, ``{"Std:Join": …}`` and ``{"Std:JsonGet": …}``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sagewright.domain.pipelines.paths import Token, tokens

GET, JOIN, JSON_GET = "Get", "Std:Join", "Std:JsonGet"
EXECUTION_VARIABLES = (
    "StartDateTime",
    "CurrentDateTime",
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "TrainingJobName",
    "ProcessingJobName",
)
EXPERIMENT_MEMBERS = ("ExperimentName", "TrialName")

Root = Literal["Parameters", "Execution", "PipelineExperimentConfig", "Steps"]


@dataclass(frozen=True)
class Reference:
    """One ``Get``: ``Steps.Train.ModelArtifacts.S3ModelArtifacts`` has root Steps, name Train and the rest as path."""

    text: str
    root: Root
    name: str
    path: tuple[Token, ...] = ()

    @property
    def property_file(self) -> str | None:
        """The property file that is meant, where it is one: ``Steps.<step>.PropertyFiles.<file>``."""
        if self.root == "Steps" and len(self.path) == 2 and self.path[0] == "PropertyFiles":
            return str(self.path[1])
        return None


def parse(text: Any) -> Reference:
    """Reads the text of a ``Get``. Raises ``ValueError`` with a sentence where it means nothing."""
    if not isinstance(text, str):
        raise ValueError("'Get' has to be a string")
    parts = tokens(text)
    root, rest = parts[0], parts[1:]
    if not rest:
        raise ValueError(f"'{text}' names nothing")
    name = str(rest[0])
    if root == "Steps":
        if len(rest) == 1:
            raise ValueError(f"'{text}' names no property of the step")
        return Reference(text, "Steps", name, rest[1:])
    if len(rest) > 1:
        raise ValueError(f"'{text}' has more parts than it can have")
    if root == "Parameters":
        return Reference(text, "Parameters", name)
    if root == "Execution" and name in EXECUTION_VARIABLES:
        return Reference(text, "Execution", name)
    if root == "PipelineExperimentConfig" and name in EXPERIMENT_MEMBERS:
        return Reference(text, "PipelineExperimentConfig", name)
    raise ValueError(f"'{text}' is unknown")


def is_expression(value: Any) -> bool:
    """Whether a value stands for another one."""
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in (GET, JOIN, JSON_GET)


def references(value: Any, where: str = "Arguments") -> Iterator[tuple[str, Reference]]:
    """Yields each reference below a value, with the place where it stands; raises ``ValueError`` that names the place.

    A function's own members are checked too: ``On`` and ``Values``, ``PropertyFile`` or ``S3Uri`` and ``Path``.
    """
    if is_expression(value):
        yield from _of_expression(value, where)
    elif isinstance(value, Mapping):
        for key, member in value.items():
            if str(key).startswith("Std:") and len(value) == 1:
                raise ValueError(f"{where}: the function '{key}' is unknown")
            yield from references(member, f"{where}.{key}")
    elif isinstance(value, list):
        for position, element in enumerate(value):
            yield from references(element, f"{where}[{position}]")


def _of_expression(value: Mapping[str, Any], where: str) -> Iterator[tuple[str, Reference]]:
    ((kind, content),) = value.items()
    try:
        if kind == GET:
            yield where, parse(content)
            return
        parts = join_parts(content)[1] if kind == JOIN else json_get_parts(content)[:1]
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    for part in parts:
        yield from references(part, f"{where}.{kind}")


def join_parts(content: Any) -> tuple[str, list[Any]]:
    """``On`` and ``Values`` of a Join. Raises ``ValueError``."""
    on = content.get("On", "") if isinstance(content, Mapping) else None
    values = content.get("Values") if isinstance(content, Mapping) else None
    if not isinstance(on, str) or not isinstance(values, list):
        raise ValueError("Std:Join needs a string 'On' and a list 'Values'")
    return on, values


def json_get_parts(content: Any) -> tuple[Any, str]:
    """The file, a ``Get`` of a property file or an expression of an S3 URI, and the path. Raises ``ValueError``."""
    path = content.get("Path") if isinstance(content, Mapping) else None
    if not isinstance(path, str):
        raise ValueError("Std:JsonGet needs a string 'Path'")
    tokens(path)
    given = [content[name] for name in ("PropertyFile", "S3Uri") if content.get(name) is not None]
    if len(given) != 1:
        raise ValueError("Std:JsonGet needs either 'PropertyFile' or 'S3Uri'")
    if content.get("PropertyFile") is not None:
        file = given[0]
        if not isinstance(file, Mapping) or set(file) != {GET} or parse(file[GET]).property_file is None:
            raise ValueError("'PropertyFile' has to be the 'Get' of Steps.<step>.PropertyFiles.<file>")
    return given[0], path
