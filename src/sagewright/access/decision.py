"""The decision on an access: the principal's policies, its limits and the resource's policy together.

An explicit Deny in any of them wins. Otherwise, inside one account, either side may allow: the principal's own policies
(if its permissions boundary and session policies allow the access too) or the resource's. Between accounts both must.

Source: IAM User Guide, "Policy evaluation logic" with its pages on a single account, on cross-account access, and
"Permissions boundaries for IAM entities".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from sagewright.access.policy import Access, Decision, Policies


class Layer(Enum):
    """The kinds of policies, in the words of error messages."""

    IDENTITY = "identity-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    RESOURCE = "resource-based policy"


Names = frozenset[tuple[str, str]]
EVERYTHING = Decision("allowed")
NOTHING = Decision("implicitDeny")
EVERYBODY: Names = frozenset((("AWS", "*"),))
"""The principal that stands for everybody, also for callers without a key."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller: the names that a resource's policy may use for it, and its own policies.

    ``itself`` are the names of exactly this caller, ``holder`` those of its session's role, ``account`` those of its
    account. ``identity`` None is the account's administrator, who may do everything, as a root user may.
    """

    itself: Names
    holder: Names = frozenset()
    account: Names = frozenset()
    identity: Policies | None = None
    boundary: Policies | None = None
    sessions: tuple[Policies, ...] = ()

    names: Names = field(init=False)
    """All of them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", self.itself | self.holder | self.account)


class Outcome(NamedTuple):
    """The decision and, for a denial, the layer that made it. ``fixed``: no context can change it."""

    decision: Decision
    layer: Layer = Layer.IDENTITY
    fixed: bool = True
    missing: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        return self.decision.allowed


def decide(
    principal: Principal,
    access: Access,
    resource: Policies | None = None,
    *,
    foreign: bool = False,
    explain: bool = False,
) -> Outcome:
    """Whether ``principal`` may do ``access``, whose principals are the names of ``principal``.

    ``resource`` is the resource's policy, ``foreign`` when another account owns it. ``explain`` also collects the
    policies that decided, and the context keys that conditions missed.
    """
    own = principal.identity
    if own is not None and principal.boundary is None and not principal.sessions and resource is None and not foreign:
        only = own.evaluate(access) if explain else own.decide(access)
        return Outcome(only, Layer.IDENTITY, only.fixed, only.missing)
    ask = Policies.evaluate if explain else Policies.decide
    layers = [(Layer.IDENTITY, ask(principal.identity, access) if principal.identity is not None else EVERYTHING)]
    if principal.boundary is not None:
        layers.append((Layer.BOUNDARY, ask(principal.boundary, access)))
    layers += [(Layer.SESSION, ask(policies, access)) for policies in principal.sessions]
    of_resource = ask(resource, access) if resource is not None else NOTHING
    answers = [*layers, (Layer.RESOURCE, of_resource)]
    denial = next((answer for answer in answers if answer[1].verdict == "explicitDeny"), None)
    refusing = denial or _refusing(principal, access, resource, layers, (of_resource if foreign else None))
    allowing = layers[0][1] if layers[0][1].allowed else of_resource
    return Outcome(
        decision=refusing[1] if refusing is not None else allowing,
        layer=refusing[0] if refusing is not None else Layer.IDENTITY,
        fixed=all(decision.fixed for _, decision in answers),
        missing=tuple(dict.fromkeys(key for _, decision in answers for key in decision.missing)),
    )


Answer = tuple[Layer, Decision]


def _refusing(
    principal: Principal,
    access: Access,
    resource: Policies | None,
    layers: Sequence[Answer],
    owner: Decision | None,
) -> Answer | None:
    """The first layer that does not allow, where none denies; None when the access is allowed.

    Between accounts (``owner`` is the decision of the other account's resource) all must allow. Inside one account, a
    resource's policy that names the caller itself is enough; where it names the caller's role or everybody, boundary
    and session policies limit it; where it names the account, the account's own policies decide.
    """
    own, *limits = layers
    limited = next((layer for layer in limits if not layer[1].allowed), None)
    if owner is not None:
        refused = own if not own[1].allowed else limited
        return refused or (None if owner.allowed else (Layer.RESOURCE, owner))
    if resource is not None:

        def grants(names: Names) -> bool:
            return resource.decide(access._replace(principals=names)).allowed

        everybody = grants(EVERYBODY)
        if not everybody and grants(principal.itself):
            return None
        if everybody or grants(principal.holder):
            return limited
    return own if not own[1].allowed else limited
