"""An execution as work that makes work: what is observed of its steps, and the orders that are decided.

What to do is decided in ``domain.pipelines``; here rows become what it knows, and its orders the engine's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sagewright.core import Json
from sagewright.core.errors import AwsError
from sagewright.core.s3_uri import split
from sagewright.domain.pipelines import decisions, graph, kinds
from sagewright.domain.pipelines.caching import Earlier
from sagewright.domain.pipelines.decisions import Pipeline
from sagewright.domain.pipelines.execution import Create, Execution, Made, Observed, Prepare, StepRun, Stop
from sagewright.domain.pipelines.execution import Refusal as Refused
from sagewright.domain.pipelines.shapes import fit
from sagewright.engine import parents
from sagewright.engine.calls import itself
from sagewright.engine.lifecycle import RUN
from sagewright.engine.parents import ParentKind
from sagewright.engine.tools import Tools
from sagewright.store.resources import Change, Query, Resource
from sagewright.wire.models import input_shape

KIND = "PipelineExecution"
STEPS, ROUND = "steps", "round"
"""Members of an execution's notes: its steps, and how often it was resumed."""
MOST_FILE_BYTES = 16 * 1024 * 1024
_MOST_EARLIER = 100
"""Earlier executions in which a step's result is looked for."""


def runs_of(resource: Resource) -> dict[str, StepRun]:
    """What an execution's steps have come to."""
    return {name: StepRun.from_json(document) for name, document in resource.run.get(STEPS, {}).items()}


def pipeline_of(resource: Resource) -> Pipeline:
    """The definition that an execution was started with."""
    return Pipeline(*graph.parse(resource.spec["PipelineDefinition"]))


def execution_of(resource: Resource) -> Execution:
    """What an execution was started with, in the domain's words."""
    spec = resource.spec
    selective = spec.get("SelectiveExecutionConfig") or {}
    selected = frozenset(each["StepName"] for each in selective.get("SelectedSteps", ()))
    return Execution(
        id=resource.name.rpartition("/")[2],
        arn=resource.arn,
        pipeline_name=spec["PipelineName"],
        pipeline_arn=spec["PipelineArn"],
        began=resource.created,
        parameters=spec["Values"],
        most_parallel=(spec.get("ParallelismConfiguration") or {}).get("MaxParallelExecutionSteps"),
        selected=selected or None,
        source=selective.get("SourcePipelineExecutionArn"),
        round=int(resource.run.get(ROUND, 1)),
        stopping=resource.phase == "stopping",
    )


def observe(resource: Resource, children: Sequence[Resource], tools: Tools) -> Observed:
    """Sees what the steps have made, and looks up what a decision asks for: files, and earlier executions."""
    pipeline, execution, runs = pipeline_of(resource), execution_of(resource), runs_of(resource)
    made = _made(resource, pipeline, runs, children, tools)
    files: dict[str, str | None] = {}
    earlier: dict[str, Sequence[Earlier]] = {}
    while True:
        observed = Observed(made, {}, files, earlier)
        decision = decisions.decide(pipeline, execution, runs, observed, tools.clock.now())
        wanted = decision.files - files.keys(), decision.earlier - earlier.keys()
        if not any(wanted):
            return observed
        files |= {uri: _read(resource, uri, tools) for uri in wanted[0]}
        before = _executions_before(resource, tools) if wanted[1] else ()
        earlier |= {name: _earlier(name, before) for name in wanted[1]}


def _made(
    resource: Resource, pipeline: Pipeline, runs: Mapping[str, StepRun], children: Sequence[Resource], tools: Tools
) -> dict[str, Made]:
    """What steps that run have made, as Describe shows it."""
    found: dict[str, Made] = {}
    for name, run in runs.items():
        step = pipeline.definition.steps[name]
        if not run.active or step.type not in kinds.KINDS:
            continue
        kind = kinds.KINDS[step.type]
        child = next((each for each in children if each.kind == kind.noun and _is_of(run, each)), None)
        if child is None:
            continue
        document: Json = {}
        for question in kinds.questions(step.type, _named(child, kind), child.spec):
            answer = tools.calls.call(itself(resource), "sagemaker", question.operation, dict(question.request))
            document |= answer if question.member is None else {question.member: answer.get(question.member)}
        found[run.token] = Made(child.arn, document)
    return found


def _named(child: Resource, kind: kinds.Kind) -> str:
    return child.arn if kind.noun == "ModelPackage" else child.name


def _is_of(run: StepRun, child: Resource) -> bool:
    return child.name == run.name or run.token in str(child.spec.get("ClientToken", ""))


def _read(resource: Resource, uri: str, tools: Tools) -> str | None:
    """The text of an object, as the execution's role may read it; None where it cannot be had."""
    try:
        bucket, key = split(uri)
        content = tools.objects_as(resource).read(bucket, key, MOST_FILE_BYTES)
    except (AwsError, ValueError):
        return None
    return None if content is None else content.decode(errors="replace")


def _executions_before(resource: Resource, tools: Tools) -> Sequence[Resource]:
    """The newest earlier executions of the same pipeline."""
    if resource.parent is None:
        return ()
    found = tools.resources.children(resource.parent, Query(limit=_MOST_EARLIER, specs=False), kind=KIND)
    return [each for each in found if each.id != resource.id]


def _earlier(name: str, executions: Sequence[Resource]) -> Sequence[Earlier]:
    """A step's successes: where it really ran, with what it made."""
    found = []
    for execution in executions:
        document = execution.run.get(STEPS, {}).get(name)
        run = StepRun.from_json(document) if document else None
        if run is None or run.status != "Succeeded" or run.key is None or run.cached_from or run.selected_from:
            continue
        found.append(Earlier(execution.arn, run.ended or 0.0, run.key, run.arn, run.document))
    return found


def decide(resource: Resource, observed: parents.Observed) -> parents.Decision:
    """Decides, by what was observed and refused."""
    facts: Observed = observed.facts
    refused = {key: Refused(each.code, each.message) for key, each in observed.refused.items()}
    known = Observed(facts.made, refused, facts.files, facts.earlier)
    pipeline = pipeline_of(resource)
    decision = decisions.decide(pipeline, execution_of(resource), runs_of(resource), known, observed.now)
    phase = _phase(resource.phase, decision.status)
    due = observed.now if phase in ("starting", "saving") and phase != resource.phase else decision.due
    change = Change(
        due=due,
        phase=phase,
        status={"FailureReason": decision.failure} if decision.failure else {},
        run={STEPS: {name: run.to_json() for name, run in decision.steps.items()}},
    )
    orders: list[parents.Order] = []
    for order in decision.orders:
        orders += _orders(order, observed.children, decision.steps)
    return parents.Decision(change, orders)


_NEXT = {"pending": "starting", "starting": "running", "running": "running", "stopping": "stopping"}


def _phase(phase: str, status: str) -> str:
    """The phase after this one on the way to a status; what succeeds has to have started."""
    if status == "Succeeded":
        return {"pending": "starting", "starting": "saving", "running": "saving", "stopping": "stopped"}.get(
            phase, "succeeded"
        )
    if status in ("Failed", "Stopped"):
        return status.lower()
    return _NEXT.get(phase, phase)


def _orders(order: Create | Stop, children: Sequence[Resource], steps: Mapping[str, StepRun]) -> list[parents.Order]:
    if isinstance(order, Stop):
        run = steps[order.step]
        return [parents.Stop(child) for child in children if child.name == run.name]
    shape = input_shape("sagemaker", order.operation)
    made = parents.Create("sagemaker", order.operation, fit(dict(order.request), shape), order.token)
    return [*(_prepared(each, order.token) for each in order.before), made]


def _prepared(order: Prepare, token: str) -> parents.Create:
    """An order that may be refused: then it is there already, or the order behind it says what is wrong."""
    return parents.Create("sagemaker", order.create, dict(order.request), f"{token} {order.create}")


def parent_kind() -> ParentKind:
    """Executions, to the engine."""
    return ParentKind(RUN, decide, observe)
