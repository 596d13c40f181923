"""Which step waits for which: explicit dependencies, references, and the conditions that steps are nested in.

A step that depends on a Condition step begins when the branch that was taken has ended, so branches can be rejoined.
A step whose branch is not taken never runs, nor does what depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from sagewright.domain.pipelines import definition as definitions
from sagewright.domain.pipelines import kinds
from sagewright.domain.pipelines.definition import Definition, DefinitionError, Step


@dataclass(frozen=True)
class Graph:
    """``waits`` has for each step the steps it needs the success of; ``joins`` the branches' steps that it lets end.

    ``order`` is every step, each behind what it waits for.
    """

    waits: Mapping[str, frozenset[str]]
    joins: Mapping[str, frozenset[str]]
    order: tuple[str, ...]

    def before(self, name: str) -> frozenset[str]:
        """The steps directly before one."""
        return self.waits[name] | self.joins[name]

    def upstream(self, name: str) -> frozenset[str]:
        """Every step that has to come before one."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for each in self.before(waiting.pop()) - found:
                found.add(each)
                waiting.append(each)
        return frozenset(found)


def parse(text: str) -> tuple[Definition, Graph]:
    """Reads a definition and its graph. Raises ``DefinitionError``, for a cycle too."""
    made = definitions.parse(text)
    return made, build(made)


def build(made: Definition) -> Graph:
    """Builds the graph of a definition. Raises ``DefinitionError`` where steps wait for one another."""
    below = {name: _nested(made, name) for name, step in made.steps.items() if step.type == kinds.CONDITION}
    waits, joins = {}, {}
    for name, step in made.steps.items():
        waits[name] = _waits(step)
        enclosing = _enclosing(made, step)
        joined = {each for each in step.depends_on if each in below and each not in enclosing}
        joins[name] = frozenset(nested for each in joined for nested in below[each] if nested != name)
    sorter = TopologicalSorter({name: sorted(waits[name] | joins[name]) for name in made.steps})
    try:
        order = tuple(sorter.static_order())
    except CycleError as error:
        circle = " -> ".join(f"'{name}'" for name in reversed(error.args[1]))
        raise DefinitionError(f"the steps {circle} wait for one another in a cycle") from None
    return Graph(waits, joins, order)


def _waits(step: Step) -> frozenset[str]:
    return frozenset({*step.depends_on, *step.refers_to, *([step.branch.condition] if step.branch else [])})


def _nested(made: Definition, condition: str) -> frozenset[str]:
    """The steps below a condition, those below nested conditions too."""
    return frozenset(name for name, step in made.steps.items() if condition in _enclosing(made, step))


def _enclosing(made: Definition, step: Step) -> frozenset[str]:
    """The conditions that a step stands in."""
    found: set[str] = set()
    while step.branch is not None:
        found.add(step.branch.condition)
        step = made.steps[step.branch.condition]
    return frozenset(found)
