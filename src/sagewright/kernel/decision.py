"""What all policies together say: those of the principal, what limits it, and that of the resource.

An explicit Deny in any of them wins. Else, inside one account, either side may allow: the principal's own policies (as
far as its permissions boundary and session policies allow it too) or the resource's. Between accounts both must.

Source: IAM User Guide, "Policy evaluation logic" with its pages on a single account, on cross-account access, and
"Permissions boundaries for IAM entities".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from sagewright.kernel.policy import Access, Decision, Policies


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
"""What everybody is called, those without a name too."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: what a resource's policy may call it, and the policies that speak for it.

    ``itself`` are names of exactly this caller, ``holder`` names of the role it is a session of, ``account`` those of
    its account. ``identity`` None is the account's administrator, who may do everything, as a root user may.
    """

    itself: Names
    holder: Names = frozenset()
    account: Names = frozenset()
    identity: Policies | None = None
    boundary: Policies | None = None
    sessions: tuple[Policies, ...] = ()

    @property
    def names(self) -> Names:
        return self.itself | self.holder | self.account


@dataclass(frozen=True, slots=True)
class Outcome:
    """The decision and the layer that made it, when it is a denial."""

    decision: Decision
    layer: Layer = Layer.IDENTITY

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
    """Whether ``principal`` may. ``resource`` is the resource's policy, ``foreign`` when another account owns it.

    ``explain`` also finds the policies that had a part in it, and the context keys they missed.
    """
    ask = Policies.evaluate if explain else Policies.decide
    asked = replace(access, principals=principal.names)
    own = ask(principal.identity, asked) if principal.identity is not None else EVERYTHING
    boundary = ask(principal.boundary, asked) if principal.boundary is not None else EVERYTHING
    sessions = [ask(policies, asked) for policies in principal.sessions]
    theirs = ask(resource, asked) if resource is not None else NOTHING
    layers = [
        (Layer.IDENTITY, own),
        (Layer.BOUNDARY, boundary),
        *((Layer.SESSION, session) for session in sessions),
        (Layer.RESOURCE, theirs),
    ]
    fixed = all(decision.fixed for _, decision in layers)
    for layer, decision in layers:
        if decision.verdict == "explicitDeny":
            return _outcome(decision, layer, layers, fixed=fixed)
    limited = next(((layer, found) for layer, found in layers[1:-1] if not found.allowed), None)
    if foreign:
        refusing = (Layer.IDENTITY, own) if not own.allowed else limited
        if refusing is None and not theirs.allowed:
            refusing = (Layer.RESOURCE, theirs)
    else:
        refusing = _refusing(principal, asked, resource, (Layer.IDENTITY, own), limited)
    if refusing is not None:
        return _outcome(refusing[1], refusing[0], layers, fixed=fixed)
    return _outcome(own if own.allowed else theirs, Layer.IDENTITY, layers, fixed=fixed)


def _refusing(
    principal: Principal,
    access: Access,
    resource: Policies | None,
    own: tuple[Layer, Decision],
    limited: tuple[Layer, Decision] | None,
) -> tuple[Layer, Decision] | None:
    """Inside one account: the layer that refuses, None when nothing does.

    A resource's policy that names the caller itself asks nobody else; one that names its role (or everybody) is
    limited by boundary and session; one that names the account leaves it to the account's own policies.
    """
    if resource is not None:

        def grants(names: Names) -> bool:
            return resource.decide(replace(access, principals=names)).allowed

        everybody = grants(EVERYBODY)
        if not everybody and grants(principal.itself):
            return None
        if everybody or grants(principal.holder):
            return limited
    return own if not own[1].allowed else limited


def _outcome(decision: Decision, layer: Layer, layers: Iterable[tuple[Layer, Decision]], *, fixed: bool) -> Outcome:
    missing = tuple(dict.fromkeys(key for _, found in layers for key in found.missing))
    return Outcome(replace(decision, missing=missing, fixed=fixed), layer)
