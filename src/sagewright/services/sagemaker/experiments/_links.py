"""Which trial is of which experiment, and which trial components are in which trials: links in the store."""

from __future__ import annotations

from collections.abc import Callable

from sagewright.core.errors import ResourceNotFound
from sagewright.nouns.declaration import Refusal, require
from sagewright.nouns.operations import Call
from sagewright.nouns.shape import Passes
from sagewright.store.links import Link, LinkQuery
from sagewright.store.resources import Resource

TYPE = "AssociatedWith"
MEMBERS_AT_ONCE = 500
"""Links read in one query."""


def missing(kind: str) -> Refusal:
    """The refusal of what is not there."""
    return Refusal(f"{kind} '{{name}}' does not exist.", ResourceNotFound)


def taken(kind: str) -> Refusal:
    """The refusal of a name that is taken; SDK v2 looks for "already exists"."""
    words = "names must be unique within an AWS account and region"
    return Refusal(f"{kind} {words}. {kind} with name ({{name}}) already exists: {{arn}}")


def shown_name(_call: Call, resource: Resource) -> dict[str, str]:
    """A display name that the request did not give is the name."""
    return {} if "DisplayName" in resource.spec else {"DisplayName": resource.name}


def join(call: Call, part: Resource, whole: Resource) -> None:
    """Put ``part`` into ``whole``; twice is once."""
    call.platform.links.add(
        call.account,
        call.region,
        source=part.arn,
        destination=whole.arn,
        type=TYPE,
        source_type=_TYPES[part.kind],
        destination_type=_TYPES[whole.kind],
        created_by={},
    )


_TYPES = {"Experiment": "Experiment", "Trial": "ExperimentTrial", "TrialComponent": "ExperimentTrialComponent"}


def parts_of(call: Call, whole: Resource, kind: str) -> list[str]:
    """The ARNs of what is in ``whole``, of that kind."""
    found: list[str] = []
    after: Link | None = None
    equal = {"destination": whole.arn, "source_type": _TYPES[kind], "type": TYPE}
    while True:
        query = LinkQuery(equal=equal, after=after, limit=MEMBERS_AT_ONCE)
        page = call.platform.links.list(call.account, call.region, query)
        found += [link.source for link in page]
        if len(page) < MEMBERS_AT_ONCE:
            return found
        after = page[-1]


def wholes_of(call: Call, part: Resource, kind: str) -> list[str]:
    """The ARNs of what ``part`` is in, of that kind."""
    kinds = [link for link in call.platform.links.of(part.arn) if link.source == part.arn and link.type == TYPE]
    return [link.destination for link in kinds if link.destination_type == _TYPES[kind]]


def among(find: Callable[[Call, str], list[str]]) -> Callable[[Call, str], Passes]:
    """A filter of a List that lets through the ARNs that ``find`` gives for the filter's value."""

    def choose(call: Call, value: str) -> Passes:
        arns = frozenset(find(call, value))
        return lambda resource: resource.arn in arns

    return choose


def trials_of_component(call: Call, name: str) -> list[str]:
    """The ARNs of the trials a trial component is in. Raises ResourceNotFound."""
    return wholes_of(call, require(call, "TrialComponent", name), "Trial")


def trials_of_experiment(call: Call, name: str) -> list[str]:
    """The ARNs of an experiment's trials. Raises ResourceNotFound."""
    return parts_of(call, require(call, "Experiment", name), "Trial")


def components_of_trial(call: Call, name: str) -> list[str]:
    """The ARNs of the trial components in a trial. Raises ResourceNotFound."""
    return parts_of(call, require(call, "Trial", name), "TrialComponent")


def components_of_experiment(call: Call, name: str) -> list[str]:
    """The ARNs of the trial components in any of an experiment's trials. Raises ResourceNotFound."""
    found: dict[str, None] = {}
    for arn in trials_of_experiment(call, name):
        found |= dict.fromkeys(components_of_trial(call, arn))
    return list(found)
