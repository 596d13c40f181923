"""Puts values in the place of expressions, by what has been observed of the steps before.

Nothing is read here: values of property files are looked up in files that the caller supplies, and what is not there
yet is raised as ``FilesNeeded``, with the S3 URIs to read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagewright.domain.pipelines import paths
from sagewright.domain.pipelines.definition import PropertyFile
from sagewright.domain.pipelines.parameters import Value, to_text
from sagewright.domain.pipelines.references import (
    GET,
    JOIN,
    Reference,
    is_expression,
    join_parts,
    json_get_parts,
    parse,
)


class FilesNeeded(Exception):
    """Values depend on files that have not been read; ``uris`` names them. A file that is not there is None."""

    def __init__(self, uris: frozenset[str]) -> None:
        super().__init__(f"to be read: {', '.join(sorted(uris))}")
        self.uris = uris


class Unresolvable(ValueError):
    """An expression has no value; the text is the reason for the step's failure."""


@dataclass(frozen=True)
class Context:
    """What expressions are resolved by.

    ``documents`` has for each step that succeeded what its properties show, shaped as its Describe answer;
    ``property_files`` for each step its declared files; ``files`` the texts of S3 URIs, None for one that is not there.
    """

    parameters: Mapping[str, Value]
    execution: Mapping[str, str]
    experiment: Mapping[str, str] = field(default_factory=dict)
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    property_files: Mapping[str, Mapping[str, PropertyFile]] = field(default_factory=dict)
    files: Mapping[str, str | None] = field(default_factory=dict)


def resolve(value: Any, context: Context) -> Any:
    """The value with every expression in it replaced. Raises ``Unresolvable``, or ``FilesNeeded`` for all files."""
    needed: set[str] = set()
    resolved = _resolve(value, context, needed)
    if needed:
        raise FilesNeeded(frozenset(needed))
    return resolved


def _resolve(value: Any, context: Context, needed: set[str]) -> Any:
    if is_expression(value):
        ((kind, content),) = value.items()
        if kind == GET:
            return _get(parse(content), context)
        return _join(content, context, needed) if kind == JOIN else _json_get(content, context, needed)
    if isinstance(value, Mapping):
        return {key: _resolve(member, context, needed) for key, member in value.items()}
    if isinstance(value, list):
        return [_resolve(element, context, needed) for element in value]
    return value


def _get(reference: Reference, context: Context) -> Any:
    named: Mapping[str, Mapping[str, Any]] = {
        "Parameters": context.parameters,
        "Execution": context.execution,
        "PipelineExperimentConfig": context.experiment,
        "Steps": context.documents,
    }
    values = named[reference.root]
    if reference.name not in values:
        raise Unresolvable(f"'{reference.text}' has no value here")
    try:
        return paths.look_up(values[reference.name], reference.path)
    except LookupError as error:
        raise Unresolvable(f"'{reference.text}' has no value: there is no {error.args[0]}") from None


def _join(content: Any, context: Context, needed: set[str]) -> str:
    on, values = join_parts(content)
    return on.join(_text(_resolve(each, context, needed)) for each in values)


def _text(value: Any) -> str:
    if value is None or isinstance(value, Mapping | list):
        raise Unresolvable("Std:Join can join texts, numbers and booleans, and was given something else")
    return to_text(value)


def _json_get(content: Any, context: Context, needed: set[str]) -> Any:
    file, path = json_get_parts(content)
    uri = _property_file(parse(file[GET]), context) if "PropertyFile" in content else _resolve(file, context, needed)
    if not isinstance(uri, str):
        raise Unresolvable("the S3Uri of Std:JsonGet is no text")
    if uri not in context.files:
        needed.add(uri)
        return ""  # takes the value's place until the files are there
    text = context.files[uri]
    if text is None:
        raise Unresolvable(f"the file {uri} is not there, or may not be read")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise Unresolvable(f"the file {uri} is not JSON") from None
    try:
        return paths.look_up(document, path)
    except LookupError as error:
        raise Unresolvable(f"the file {uri} has no value at '{path}': there is no {error.args[0]}") from None


def _property_file(reference: Reference, context: Context) -> str:
    """Where a property file lies: below the S3 URI of the output that it was declared for."""
    file = context.property_files.get(reference.name, {}).get(str(reference.property_file))
    document = context.documents.get(reference.name)
    if file is None or document is None:
        raise Unresolvable(f"'{reference.text}' has no value here")
    where = ("ProcessingOutputConfig", "Outputs", file.output, "S3Output", "S3Uri")
    try:
        prefix = paths.look_up(document, where)
    except LookupError:
        raise Unresolvable(f"the step '{reference.name}' has no output '{file.output}' in S3") from None
    return f"{str(prefix).rstrip('/')}/{file.path.lstrip('/')}"
