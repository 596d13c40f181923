"""Kinds of rows that a controller moves without being nouns of SageMaker: timers, deliveries. Nobody describes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sagewright.engine.reconciler import Controller
from sagewright.engine.tools import Tools


@dataclass(frozen=True, slots=True)
class Background:
    """A kind, and what makes its controller."""

    kind: str
    controller: Callable[[Tools], Controller]


_kinds: dict[str, Background] = {}


def run_in_background(kind: str, controller: Callable[[Tools], Controller]) -> None:
    """Register a kind; two of one name are a programming error."""
    if kind in _kinds:
        raise ValueError(f"{kind} is declared twice")
    _kinds[kind] = Background(kind, controller)


def all_background() -> list[Background]:
    """Every registered kind, in order of names."""
    return [_kinds[kind] for kind in sorted(_kinds)]
