"""Which Python environment stands for a container image.

An image URI is recognised by its repository's name and its tag; the account and the region in front of it differ for
every region and mean nothing here. What is known lies in two data files: ``images.json`` (repository → framework) and
``frameworks.toml`` (framework, version → pins, programs, algorithm).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

_DATA = resources.files("sagewright.environments")
# registry/ (a first part with a dot or a colon, or localhost), repository, :tag, @digest
_URI = re.compile(
    r"(?:(?P<registry>localhost|[^/]*[.:][^/]*)/)?(?P<repository>[^:@]+)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@sha256:[0-9a-f]{64})?"
)
_CPU = re.compile(r"-cpu(?:-py\d+)?$|-py3$")


class UnknownImage(ValueError):
    """No environment stands for this image; the message says which images work and is fit to be shown to a user."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that an algorithm reports: the first group of ``regex`` in a log line is its value."""

    name: str
    regex: str


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """What an image stands for.

    ``requirements`` are pip requirement lines with exact pins. ``python`` is ``3.x``, or empty for the server's own
    version. ``train`` and ``serve`` are the programs the image runs by default, empty when it has none. ``algorithm``
    names the built-in algorithm that runs when a job brings no program of its own; ``metrics`` are its metrics.
    ``warm`` are modules that its programs import, for warm starts.
    """

    name: str
    framework: str
    version: str
    requirements: tuple[str, ...]
    python: str = ""
    train: str = ""
    serve: str = ""
    algorithm: str = ""
    metrics: tuple[Metric, ...] = ()
    warm: tuple[str, ...] = ()

    @property
    def variables(self) -> Mapping[str, str]:
        """Environment variables that every process of the image gets."""
        return {"SAGEWRIGHT_ALGORITHM": self.framework}


def resolve(image_uri: str) -> EnvironmentSpec:
    """The environment for an image such as ``683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5``.

    No tag, ``latest`` and a digest alone mean the newest version. Raises ``UnknownImage``.
    """
    match = _URI.fullmatch(image_uri)
    if match is None:
        raise UnknownImage(f"'{image_uri}' is not the URI of a container image.")
    repository = match["repository"]
    framework = _images().get(repository, "")
    if not framework:
        raise UnknownImage(f"There is no image '{repository}' here. {_offer()}")
    if framework not in _frameworks():
        raise UnknownImage(f"The image '{repository}' ({framework}) does not work here yet. {_offer()}")
    tag = match["tag"] or "latest"
    if "gpu" in tag.split("-"):
        raise UnknownImage(f"The image '{repository}:{tag}' needs a GPU. {_offer()}")
    version = _CPU.sub("", tag)
    for spec in _specs(framework):
        if version in spec.tags:
            return spec.environment
    known = ", ".join(spec.environment.version for spec in _specs(framework))
    raise UnknownImage(f"The image '{repository}' has no tag '{tag}' here; its versions are {known}.")


def named(name: str) -> EnvironmentSpec:
    """The environment called ``name``, such as ``xgboost-3.0-5``; raises ``KeyError``."""
    return {spec.name: spec for spec in environments()}[name]


def environments() -> list[EnvironmentSpec]:
    """Every environment there is."""
    return [spec.environment for framework in _frameworks() for spec in _specs(framework)]


@dataclass(frozen=True, slots=True)
class _Row:
    environment: EnvironmentSpec
    tags: frozenset[str]


@cache
def _images() -> dict[str, str]:
    images: dict[str, str] = json.loads((_DATA / "images.json").read_text("utf-8"))
    return images


@cache
def _frameworks() -> dict[str, Any]:
    return tomllib.loads((_DATA / "frameworks.toml").read_text("utf-8"))


@cache
def _specs(framework: str) -> tuple[_Row, ...]:
    table = _frameworks()[framework]
    metrics = _metrics(table.get("metrics"))
    rows = []
    for version, row in table["versions"].items():
        spec = EnvironmentSpec(
            name=f"{framework}-{version}",
            framework=framework,
            version=version,
            requirements=(*row.get("pins", ()), *table["pins"]),
            python=row.get("python", ""),
            train=table.get("train", ""),
            serve=table.get("serve", ""),
            algorithm=table.get("algorithm", ""),
            metrics=metrics,
            warm=tuple(table.get("warm", ())),
        )
        newest = ("latest",) if version == table["default"] else ()
        rows.append(_Row(spec, frozenset((version, *row.get("aliases", ()), *newest))))
    return tuple(rows)


def _metrics(table: Mapping[str, Any] | None) -> tuple[Metric, ...]:
    if table is None:
        return ()
    return tuple(
        Metric(f"{split}:{name}", table["regex"].format(split=split, metric=name))
        for split in table["splits"]
        for name in table["names"]
    )


def _offer() -> str:
    repositories = sorted(name for name, framework in _images().items() if framework in _frameworks())
    offers = []
    for repository in repositories:
        versions = ", ".join(spec.environment.version for spec in _specs(_images()[repository]))
        offers.append(f"{repository} ({versions})")
    return f"These work: {'; '.join(offers)}."
