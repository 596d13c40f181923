"""Selective execution: some steps of a pipeline run, with what they need taken of an execution before.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-selective-ex.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sagewright.domain.pipelines.decisions import Pipeline
from sagewright.domain.pipelines.execution import StepRun

MOST = 50


def select(pipeline: Pipeline, names: Iterable[str]) -> frozenset[str]:
    """The selected steps. Raises ``ValueError``: a name is no step, or a step between two of them is left out."""
    selected, graph = frozenset(names), pipeline.graph
    unknown = sorted(selected - set(pipeline.definition.steps))
    if unknown:
        raise ValueError(f"the pipeline has no step '{unknown[0]}' to select")
    for name in sorted(selected):
        upstream = graph.upstream(name)
        between = [each for each in sorted(upstream - selected) if not graph.upstream(each).isdisjoint(selected)]
        if between:
            raise ValueError(f"the step '{between[0]}' is between selected steps and has to be selected too")
    return selected


def taken_over(pipeline: Pipeline, selected: frozenset[str]) -> frozenset[str]:
    """The steps that are not selected and that selected ones need."""
    needed = (pipeline.graph.waits[name] for name in selected)
    return frozenset(each for names in needed for each in names) - selected


def borrow(
    pipeline: Pipeline, selected: frozenset[str], source: str, runs: Mapping[str, StepRun]
) -> dict[str, StepRun]:
    """The steps to begin an execution with: copies of those of the ``source`` execution that selected ones need.

    Raises ``ValueError`` where the source has not the results that are needed.
    """
    found = {}
    for name in sorted(taken_over(pipeline, selected)):
        run = runs.get(name)
        if run is None or run.status != "Succeeded":
            raise ValueError(f"the step '{name}' that selected steps depend on has not succeeded in {source}")
        found[name] = replace(
            run, selected_from=run.selected_from or source, cached_from=None, cause=None, differences=()
        )
    for name in sorted(selected):
        branch = pipeline.definition.steps[name].branch
        if branch is None or branch.condition not in found:
            continue
        if found[branch.condition].outcome != branch.outcome:
            raise ValueError(f"the step '{name}' stands in the branch of '{branch.condition}' not taken in {source}")
    return found


def source_allowed(status: str) -> bool:
    """Whether an execution in this status can be a source."""
    return status in ("Stopped", "Failed", "Succeeded")


def needs_source(pipeline: Pipeline, selected: frozenset[str]) -> bool:
    """Whether selected steps need results of an execution before."""
    return bool(taken_over(pipeline, selected))
