"""Which Python environment stands for a container image.

An image URI is recognised by its repository's name and its tag; the account and the region in front of it differ for
every region and mean nothing here. What is known lies in two data files: ``images.json`` (repository → framework, and
the version of an image without a tag where it is not the newest) and ``frameworks.toml`` (framework, version → pins,
programs, algorithm). Where this machine has no Python for a version, the row named there as its ``nearest`` stands in,
and the environment carries a note that says so.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from sagewright.environments import interpreters

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
    ``warm`` are modules that its programs import, for warm starts. ``notes`` are for the log of a job: what runs here
    in place of what the image holds; ``stands_for`` is the version that was asked for then.
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
    notes: tuple[str, ...] = ()
    stands_for: str = ""

    @property
    def variables(self) -> Mapping[str, str]:
        """Environment variables that every process of the image gets."""
        stands_for = {"SAGEWRIGHT_STANDS_FOR": self.stands_for} if self.stands_for else {}
        return {"SAGEWRIGHT_ALGORITHM": self.framework, **stands_for}


def resolve(image_uri: str) -> EnvironmentSpec:
    """The environment for an image such as ``683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5``.

    No tag, ``latest`` and a digest alone mean the newest version. Raises ``UnknownImage``, also where neither a Python
    that the image needs nor an image that is near to it is here.
    """
    match = _URI.fullmatch(image_uri)
    if match is None:
        raise UnknownImage(f"'{image_uri}' is not the URI of a container image.")
    repository = match["repository"]
    framework, _, untagged = _images().get(repository, "").partition(":")
    if not framework:
        raise UnknownImage(f"There is no image '{repository}' here. {_offer()}")
    if framework not in _frameworks():
        raise UnknownImage(f"The image '{repository}' ({framework}) does not work here yet. {_offer()}")
    tag = match["tag"] or "latest"
    if "gpu" in tag.split("-"):
        raise UnknownImage(f"The image '{repository}:{tag}' needs a GPU. {_offer()}")
    version = _CPU.sub("", tag)
    if version == "latest":
        version = untagged or _frameworks()[framework]["default"]
    for row in _rows(framework):
        if version in row.tags:
            return _on_this_machine(row, f"{repository}:{tag}", row.others.get(version, row.holds))
    known = ", ".join(row.environment.version for row in _rows(framework))
    raise UnknownImage(f"The image '{repository}' has no tag '{tag}' here; its versions are {known}.")


def _on_this_machine(row: _Row, image: str, holds: str) -> EnvironmentSpec:
    """The row's environment, or the nearest that has a Python here. ``holds`` is what the image holds on AWS."""
    chosen, missing = row, ""
    while chosen.pythons and interpreters.choose(chosen.pythons) is None:
        missing = missing or " or ".join(chosen.pythons)
        if not chosen.nearest:
            raise UnknownImage(
                f"The image '{image}' needs Python {missing}, which is not on this machine. "
                f"Give an image_uri that works here, such as 'sagemaker-base-python:{interpreters.OWN}'. {_offer()}"
            )
        chosen = next(other for other in _rows(row.environment.framework) if other.name == chosen.nearest)
    spec = chosen.environment
    if chosen.pythons:
        spec = replace(spec, python=interpreters.choose(chosen.pythons) or "")
    if chosen.holds == holds:
        return spec
    why = f", because no Python {missing} is on this machine" if missing else ""
    note = f"The image {image} holds {holds}; {chosen.holds} runs in its place{why}."
    return replace(spec, notes=(note,), stands_for=row.name)


def named(name: str) -> EnvironmentSpec:
    """The environment called ``name``, such as ``xgboost-3.0-5``; raises ``KeyError``."""
    for framework in _frameworks():
        for row in _rows(framework):
            if row.environment.name == name:
                return _on_this_machine(replace(row, nearest=""), name, row.holds)
    raise KeyError(name)


def environments() -> list[EnvironmentSpec]:
    """Every environment that this machine can have."""
    return [
        _on_this_machine(row, row.name, row.holds)
        for framework in _frameworks()
        for row in _rows(framework)
        if not row.pythons or interpreters.choose(row.pythons)
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """A version of a framework. ``holds`` is the library and its version, ``others`` the same for some of its tags."""

    name: str
    environment: EnvironmentSpec
    tags: frozenset[str]
    pythons: tuple[str, ...]
    nearest: str
    holds: str
    others: Mapping[str, str]


@cache
def _images() -> dict[str, str]:
    images: dict[str, str] = json.loads((_DATA / "images.json").read_text("utf-8"))
    return images


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((_DATA / "frameworks.toml").read_text("utf-8"))


@cache
def _frameworks() -> dict[str, Any]:
    return {name: framework for name, framework in _table().items() if "versions" in framework}


@cache
def _rows(framework: str) -> tuple[_Row, ...]:
    table = _frameworks()[framework]
    metrics = _metrics(table.get("metrics"))
    rows = []
    for version, row in table["versions"].items():
        spec = EnvironmentSpec(
            name=f"{framework}-{version}",
            framework=framework,
            version=version,
            requirements=(*row.get("pins", ()), *table.get("pins", ()), *_table()["common"]["pins"]),
            train=table.get("train", ""),
            serve=table.get("serve", ""),
            algorithm=table.get("algorithm", ""),
            metrics=metrics,
            warm=tuple(row.get("warm", table.get("warm", ()))),
        )
        rows.append(
            _Row(
                name=version,
                environment=spec,
                tags=frozenset((version, *row.get("aliases", ()), *row.get("others", ()))),
                pythons=tuple(row.get("python", ())),
                nearest=row.get("nearest", ""),
                holds=row.get("holds", version),
                others=row.get("others", {}),
            )
        )
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
    frameworks = {name: framework.partition(":")[0] for name, framework in _images().items()}
    offers = []
    for repository in sorted(name for name, framework in frameworks.items() if framework in _frameworks()):
        versions = ", ".join(row.name for row in _rows(frameworks[repository]))
        offers.append(f"{repository} ({versions})")
    return f"These work: {'; '.join(offers)}."
