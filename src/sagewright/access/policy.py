"""Policy documents: parsed once, evaluated often. Pure functions over the IAM policy language.

An ``Access`` (principal, action, resource, context) is evaluated against statements: an explicit Deny wins over an
Allow, and an access that nothing allows is denied. Identity, trust and resource policies are documents of the same
language; the last two name principals.

Source: IAM User Guide, "IAM JSON policy reference" and "Policy evaluation logic".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

from sagewright.access.conditions import Holds, Test, compiled, is_operator
from sagewright.access.patterns import Context, any_like, fill, like

Effect: TypeAlias = Literal["Allow", "Deny"]
Verdict: TypeAlias = Literal["allowed", "explicitDeny", "implicitDeny"]


FIRST_VERSION = "2008-10-17"
"""The language's version where a document names none; it knows no variables."""


class Malformed(ValueError):
    """The document is not a policy; the text is IAM's."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """The members of ``Action`` or ``NotAction`` (and the like): ``negated`` matches what none of them matches."""

    texts: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. ``principals`` are (kind, name) pairs such as ``("Service", "sagemaker.amazonaws.com")``."""

    effect: Effect
    actions: Patterns
    resources: Patterns
    principals: tuple[tuple[str, str], ...] | None
    principals_negated: bool
    tests: tuple[Test, ...]
    templated: bool
    """Whether its resources have ``${variables}``."""

    @property
    def fixed(self) -> bool:
        """Whether it says the same in every context."""
        return not self.tests and not self.templated


@dataclass(frozen=True, slots=True)
class Policy:
    """A document with its origin: ``source`` is its name, ``kind`` one of IAM's source types."""

    source: str
    kind: str
    statements: tuple[Statement, ...]


_NO_CONTEXT: Context = {}


class Access(NamedTuple):
    """An access to decide on. ``principals`` are all the (kind, name) pairs that stand for the caller.

    ``context`` may be a function, which is called when a statement first depends on it. Its keys are in lower case;
    those of a mapping may be in any case.
    """

    action: str
    resource: str = "*"
    context: Context | Callable[[], Context] = _NO_CONTEXT
    principals: frozenset[tuple[str, str]] = frozenset()


class Decision(NamedTuple):
    """The verdict, the policies whose statements made it, and the context keys that conditions missed.

    ``fixed``: the verdict is the same in every context.
    """

    verdict: Verdict
    matched: tuple[Policy, ...] = ()
    missing: tuple[str, ...] = ()
    fixed: bool = True

    @property
    def allowed(self) -> bool:
        return self.verdict == "allowed"


class _Rule(NamedTuple):
    """A statement about one action, compiled."""

    policy: Policy
    statement: Statement
    verdict: Verdict
    fixed: bool
    covers: Callable[[str, Context], bool]
    """Whether the statement applies to this resource."""
    tests: tuple[Holds, ...]


class Policies:
    """Policies evaluated as one set. The statements about an action are compiled when the action first comes up."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self.policies = tuple(policies)
        self._rules: dict[str, tuple[_Rule, ...]] = {}

    def decide(self, access: Access) -> Decision:
        """Whether they allow ``access``. Evaluation stops at the first Deny, or else the first Allow.

        Statements that depend on the context come last, so that the context is seldom computed.
        """
        fixed, context = True, _NO_CONTEXT
        for rule in self._rules_for(access.action):
            if rule.statement.principals is not None and not _addresses(rule.statement, access):
                continue
            if not rule.fixed and context is _NO_CONTEXT:
                context = _lowered(access.context)
            if rule.covers(access.resource, context):
                fixed = fixed and rule.fixed
                for holds in rule.tests:
                    if not holds(context):
                        break
                else:
                    return Decision(rule.verdict, fixed=fixed)
            elif rule.statement.templated:
                fixed = False
        return Decision("implicitDeny", fixed=fixed)

    def evaluate(self, access: Access) -> Decision:
        """Like ``decide``, with every policy that decided and every context key that was missing."""
        context = _lowered(access.context)
        applying: dict[str, list[Policy]] = {"Allow": [], "Deny": []}
        missing: dict[str, None] = {}
        for rule in self._rules_for(access.action):
            statement = rule.statement
            if not _addresses(statement, access) or not rule.covers(access.resource, context):
                continue
            missing.update((test.key, None) for test in statement.tests if test.key.lower() not in context)
            if all(holds(context) for holds in rule.tests):
                applying[statement.effect].append(rule.policy)
        if applying["Deny"]:
            return Decision("explicitDeny", tuple(dict.fromkeys(applying["Deny"])), tuple(missing))
        if applying["Allow"]:
            return Decision("allowed", tuple(dict.fromkeys(applying["Allow"])), tuple(missing))
        return Decision("implicitDeny", (), tuple(missing))

    def _rules_for(self, action: str) -> tuple[_Rule, ...]:
        rules = self._rules.get(action)
        if rules is None:
            low = action.lower()
            matching = [
                _rule(policy, statement)
                for policy in self.policies
                for statement in policy.statements
                if any(like(text.lower(), low) for text in statement.actions.texts) != statement.actions.negated
            ]
            rules = tuple(sorted(matching, key=lambda rule: (rule.verdict == "allowed", not rule.fixed)))
            self._rules[action] = rules
        return rules


def _rule(policy: Policy, statement: Statement) -> _Rule:
    return _Rule(
        policy,
        statement,
        "explicitDeny" if statement.effect == "Deny" else "allowed",
        statement.fixed,
        _coverage(statement),
        tuple(map(compiled, statement.tests)),
    )


def _lowered(context: Context | Callable[[], Context]) -> Context:
    return context() if callable(context) else {key.lower(): values for key, values in context.items()}


@lru_cache(maxsize=512)
def parse(document: str) -> tuple[Statement, ...]:
    """The statements of a document. Raises ``Malformed`` with the text of IAM."""
    try:
        policy = json.loads(document)
    except (ValueError, RecursionError):
        raise Malformed("This policy contains invalid Json") from None
    if not isinstance(policy, dict) or set(policy) - {"Version", "Id", "Statement"}:
        raise Malformed("Syntax errors in policy.")
    version = policy.get("Version", FIRST_VERSION)
    if version not in (FIRST_VERSION, "2012-10-17"):
        raise Malformed("Syntax errors in policy.")
    statements = policy.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise Malformed("Syntax errors in policy.")
    return tuple(_statement(statement, variables=version != FIRST_VERSION) for statement in statements)


_MEMBERS = {"Sid", "Effect", "Condition"} | {
    prefix + name for prefix in ("", "Not") for name in ("Action", "Resource", "Principal")
}


def _statement(raw: object, *, variables: bool) -> Statement:
    if not isinstance(raw, dict) or set(raw) - _MEMBERS or raw.get("Effect") not in ("Allow", "Deny"):
        raise Malformed("Syntax errors in policy.")
    if not isinstance(raw.get("Sid", ""), str):
        raise Malformed("Syntax errors in policy.")
    actions = _patterns(raw, "Action")
    if not actions.texts:
        raise Malformed("Policy statement must contain actions.")
    if any(text != "*" and ":" not in text for text in actions.texts):
        raise Malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    principals, negated = _principals(raw)
    resources = _patterns(raw, "Resource")
    templated = variables and any("${" in text for text in resources.texts)
    tests = _tests(raw, variables=variables)
    return Statement(raw["Effect"], actions, resources, principals, negated, tests, templated)


def _patterns(raw: dict[str, Any], name: str) -> Patterns:
    if name in raw and f"Not{name}" in raw:
        raise Malformed("Syntax errors in policy.")
    return Patterns(_texts(raw.get(name, raw.get(f"Not{name}", []))), f"Not{name}" in raw)


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) and "\0" not in item for item in values):
        raise Malformed("Syntax errors in policy.")
    return tuple(values)


def _principals(raw: dict[str, Any]) -> tuple[tuple[tuple[str, str], ...] | None, bool]:
    negated = "NotPrincipal" in raw
    if not negated and "Principal" not in raw:
        return None, False
    value = raw["NotPrincipal" if negated else "Principal"]
    if value == "*":
        return (("*", "*"),), negated
    if not isinstance(value, dict) or set(value) - {"AWS", "Service", "Federated", "CanonicalUser"}:
        raise Malformed("Invalid principal in policy")
    return tuple((kind, name) for kind, names in value.items() for name in _texts(names)), negated


def _tests(raw: dict[str, Any], *, variables: bool) -> tuple[Test, ...]:
    condition = raw.get("Condition", {})
    if not isinstance(condition, dict) or not all(isinstance(tests, dict) for tests in condition.values()):
        raise Malformed("Syntax errors in policy.")
    for operator in condition:
        if not is_operator(operator):
            raise Malformed(f"Invalid Condition type : {operator}.")
    return tuple(
        Test(operator, key, _values(values), variables)
        for operator, tests in condition.items()
        for key, values in tests.items()
    )


def _values(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | bool | int | float) and "\0" not in str(item) for item in values):
        raise Malformed("Syntax errors in policy.")
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in values)


def _addresses(statement: Statement, access: Access) -> bool:
    """Whether the statement applies to this principal."""
    if statement.principals is None:
        return True
    matches = any(pair == ("*", "*") or pair in access.principals for pair in statement.principals)
    return matches != statement.principals_negated


def _coverage(statement: Statement) -> Callable[[str, Context], bool]:
    """A function that says whether the statement applies to a resource."""
    texts, negated = statement.resources.texts, statement.resources.negated
    if not texts:
        return lambda _resource, _context: True  # a trust policy applies to its own role
    if not statement.templated:
        fits = any_like(texts)
        return lambda resource, _context: fits(resource) != negated

    def covers(resource: str, context: Context) -> bool:
        filled = [fill(text, context, pattern=True) for text in texts]
        if negated and None in filled and statement.effect == "Allow":
            return False  # NotResource with an unknown variable: it is unknown what it excludes
        return any(text is not None and like(text, resource) for text in filled) != negated

    return covers
