"""A world in which a pipeline runs for the tests: it does what is decided, and its jobs end when the test says so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sagewright.domain.pipelines import graph, kinds, parameters
from sagewright.domain.pipelines.caching import Earlier
from sagewright.domain.pipelines.decisions import Pipeline, decide
from sagewright.domain.pipelines.execution import Create, Decision, Execution, Made, Observed, Refusal, StepRun, Stop

DEFINITIONS = Path(__file__).parent / "definitions"
ARN = "arn:aws:sagemaker:us-east-1:123456789012"
EXECUTION = Execution("abcdefghijkl", f"{ARN}:pipeline/p/execution/abcdefghijkl", "p", f"{ARN}:pipeline/p", 1000.0)


def written(name: str) -> str:
    """A definition that an SDK wrote."""
    return (DEFINITIONS / f"{name}.json").read_text()


def definition(*steps: Mapping[str, Any], **more: Any) -> str:
    return json.dumps({"Version": "2020-12-01", "Steps": list(steps), **more})


def step(name: str, kind: str = "Training", arguments: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": dict(arguments or {}), **more}


def condition(
    name: str, left: Any, right: Any, then: Sequence[Any] = (), otherwise: Sequence[Any] = ()
) -> dict[str, Any]:
    holds = {"Type": "Equals", "LeftValue": left, "RightValue": right}
    return step(name, "Condition", {"Conditions": [holds], "IfSteps": list(then), "ElseSteps": list(otherwise)})


class World:
    """One execution. ``log`` has every order in turn: ``Train``, and ``stop Train``."""

    def __init__(self, text: str, execution: Execution = EXECUTION, runs: Mapping[str, StepRun] | None = None) -> None:
        self.pipeline = Pipeline(*graph.parse(text))
        given = execution.parameters or parameters.values(self.pipeline.definition.parameters, [])
        self.execution = replace(execution, parameters=given)
        self.runs = dict(runs or {})
        self.now = 1000.0
        self.orders: dict[str, Create] = {}
        self.log: list[str] = []
        self.made: dict[str, Made] = {}
        self.refused: dict[str, Refusal] = {}
        self.files: dict[str, str | None] = {}
        self.read: dict[str, str | None] = {}
        self.earlier: dict[str, Sequence[Earlier]] = {}
        self.looked_up: set[str] = set()
        self.refuse: dict[str, Refusal] = {}

    def decide(self) -> Decision:
        """One decision, with what it needs looked up; nothing is done."""
        while True:
            earlier = {name: self.earlier.get(name, ()) for name in self.looked_up}
            observed = Observed(self.made, self.refused, self.read, earlier)
            decision = decide(self.pipeline, self.execution, self.runs, observed, self.now)
            if not decision.files and not decision.earlier:
                return decision
            self.read |= {uri: self.files.get(uri) for uri in decision.files}
            self.looked_up |= decision.earlier

    def turn(self) -> Decision:
        """One decision, which is carried out and noted."""
        self.now += 1
        decision = self.decide()
        for order in decision.orders:
            if isinstance(order, Stop):
                self.log.append(f"stop {order.step}")
                self._show(order.step, "Stopping")
            elif order.step in self.refuse:
                self.log.append(order.step)
                self.refused[order.token] = self.refuse[order.step]
            elif order.token not in self.made:
                self.log.append(order.step)
                self.orders[order.step] = order
                kind = kinds.KINDS[self.pipeline.definition.steps[order.step].type]
                arn = f"{ARN}:{kind.noun}/{order.name}"
                shown = {kind.name: order.name, kind.arn: arn, **order.request}
                self.made[order.token] = Made(arn, {**shown, **({kind.status: "InProgress"} if kind.status else {})})
        self.runs = dict(decision.steps)
        return decision

    def _show(self, name: str, word: str, **members: Any) -> None:
        kind = kinds.KINDS[self.pipeline.definition.steps[name].type]
        token = self.runs[name].token
        made = self.made[token]
        self.made[token] = replace(made, document={**made.document, str(kind.status): word, **members})

    def end(self, name: str, word: str = "Completed", **members: Any) -> Decision:
        """Lets what a step made end, and decides."""
        self._show(name, word, **members)
        return self.turn()

    def run(self) -> Decision:
        """Decides until nothing is to do; whatever was made succeeds at once."""
        for _ in range(100):
            decision = self.turn()
            if decision.status in ("Succeeded", "Failed", "Stopped"):
                return decision
            for name, run in self.runs.items():
                if run.active and run.token in self.made:
                    kind = kinds.KINDS[self.pipeline.definition.steps[name].type]
                    word = next(word for word, progress in kind.words.items() if progress == "succeeded")
                    self._show(name, word)
            if decision.due is not None:
                self.now = decision.due
        raise AssertionError("it never ended")

    def status(self, name: str) -> str | None:
        return self.runs[name].status if name in self.runs else None
