"""What policy documents say: parsed once, asked often. Pure functions over the IAM policy language.

An ``Access`` (this principal, this action, this resource, in this context) meets statements; an explicit Deny wins over
an Allow, and what nothing allows is denied. Identity policies, trust policies and resource policies are all documents
of the same language; the last two name principals.

Source: IAM User Guide, "IAM JSON policy reference" and "Policy evaluation logic".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, TypeAlias

Effect: TypeAlias = Literal["Allow", "Deny"]
Verdict: TypeAlias = Literal["allowed", "explicitDeny", "implicitDeny"]
Context: TypeAlias = Mapping[str, Sequence[str]]


class Malformed(ValueError):
    """The document is not a policy; the text is IAM's."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """The members of ``Action`` or ``NotAction`` (and the like): ``negated`` matches what none of them matches."""

    texts: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Test:
    """One condition: ``operator`` holds between the context's values of ``key`` and ``values``."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. ``principals`` are (kind, name) pairs such as ``("Service", "sagemaker.amazonaws.com")``."""

    effect: Effect
    actions: Patterns
    resources: Patterns
    principals: tuple[tuple[str, str], ...] | None
    principals_negated: bool
    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A document with where it comes from: ``source`` is its name, ``kind`` one of IAM's source types."""

    source: str
    kind: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Access:
    """What is asked. ``principals`` are all the (kind, name) pairs that stand for the caller."""

    action: str
    resource: str = "*"
    context: Context = field(default_factory=dict)
    principals: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer: the policies whose statements made it, and context keys that conditions missed."""

    verdict: Verdict
    matched: tuple[Policy, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        return self.verdict == "allowed"


def evaluate(policies: Iterable[Policy], access: Access) -> Decision:
    """Whether ``policies`` together allow ``access``."""
    context = {key.lower(): values for key, values in access.context.items()}
    applying: dict[str, list[Policy]] = {"Allow": [], "Deny": []}
    missing: dict[str, None] = {}
    for policy in policies:
        for statement in policy.statements:
            if not _covers(statement, access, context):
                continue
            missing.update((test.key, None) for test in statement.tests if test.key.lower() not in context)
            if all(_holds(test, context, statement.effect) for test in statement.tests):
                applying[statement.effect].append(policy)
    if applying["Deny"]:
        return Decision("explicitDeny", tuple(dict.fromkeys(applying["Deny"])), tuple(missing))
    if applying["Allow"]:
        return Decision("allowed", tuple(dict.fromkeys(applying["Allow"])), tuple(missing))
    return Decision("implicitDeny", (), tuple(missing))


def principals_of(arn: str, holder: str | None = None) -> frozenset[tuple[str, str]]:
    """The ways in which a policy may name an AWS principal: its ARN, its role's (``holder``), its account, anyone."""
    _, partition, _, _, account, _ = arn.split(":", 5)
    names = {arn, holder or arn, account, f"arn:{partition}:iam::{account}:root", "*"}
    return frozenset(("AWS", name) for name in names)


@lru_cache(maxsize=512)
def parse(document: str) -> tuple[Statement, ...]:
    """The statements of a document. Raises ``Malformed`` with the text of IAM."""
    try:
        policy = json.loads(document)
    except (ValueError, RecursionError):
        raise Malformed("This policy contains invalid Json") from None
    if not isinstance(policy, dict) or set(policy) - {"Version", "Id", "Statement"}:
        raise Malformed("Syntax errors in policy.")
    if policy.get("Version", "2008-10-17") not in ("2008-10-17", "2012-10-17"):
        raise Malformed("Syntax errors in policy.")
    statements = policy.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise Malformed("Syntax errors in policy.")
    return tuple(_statement(statement) for statement in statements)


_MEMBERS = {"Sid", "Effect", "Condition"} | {
    prefix + name for prefix in ("", "Not") for name in ("Action", "Resource", "Principal")
}


def _statement(raw: object) -> Statement:
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
    return Statement(raw["Effect"], actions, _patterns(raw, "Resource"), principals, negated, _tests(raw))


def _patterns(raw: dict[str, Any], name: str) -> Patterns:
    if name in raw and f"Not{name}" in raw:
        raise Malformed("Syntax errors in policy.")
    return Patterns(_texts(raw.get(name, raw.get(f"Not{name}", []))), f"Not{name}" in raw)


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in values):
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


def _tests(raw: dict[str, Any]) -> tuple[Test, ...]:
    condition = raw.get("Condition", {})
    if not isinstance(condition, dict) or not all(isinstance(tests, dict) for tests in condition.values()):
        raise Malformed("Syntax errors in policy.")
    return tuple(
        Test(operator, key, _values(values)) for operator, tests in condition.items() for key, values in tests.items()
    )


def _values(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | bool | int | float) for item in values):
        raise Malformed("Syntax errors in policy.")
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in values)


def _covers(statement: Statement, access: Access, context: Context) -> bool:
    """Whether the statement speaks of this principal, action and resource."""
    if statement.principals is not None:
        named = any(pair == ("*", "*") or pair in access.principals for pair in statement.principals)
        if named == statement.principals_negated:
            return False
    action = any(_like(text.lower(), access.action.lower()) for text in statement.actions.texts)
    if action == statement.actions.negated:
        return False
    if not statement.resources.texts:
        return True  # trust policies speak of the role they belong to
    filled = (_fill(text, context) for text in statement.resources.texts)
    resource = any(text is not None and _like(text, access.resource) for text in filled)
    return resource != statement.resources.negated


def _fill(text: str, context: Context) -> str | None:
    """The text with its ``${key}`` variables replaced, or None when the context lacks one."""
    if "${" not in text:
        return text
    values = [context.get(name.lower(), ()) for name in re.findall(r"\$\{([^}]+)\}", text)]
    if not all(len(value) == 1 for value in values):
        return None
    queue = iter(values)
    return re.sub(r"\$\{[^}]+\}", lambda _: next(queue)[0], text)


def _like(pattern: str, text: str) -> bool:
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return _regex(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _regex(pattern: str) -> re.Pattern[str]:
    """``*`` is any text, ``?`` any one character.

    Each piece between two ``*`` is taken where it first fits and never tried again, which is right for such patterns
    and keeps a hostile one (``*a*a*a*…``) from taking exponential time.
    """
    first, *rest = (re.escape(piece).replace(r"\?", ".") for piece in pattern.split("*"))
    if not rest:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1] if piece)
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringEqualsIgnoreCase": lambda wanted, value: wanted.lower() == value.lower(),
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda wanted, value: wanted.lower() == value.lower(),
}


def _holds(test: Test, context: Context, effect: Effect) -> bool:
    """Whether a condition holds. One with an operator that is not known here never allows, and never stops a Deny."""
    values = context.get(test.key.lower())
    operator = test.operator.rpartition(":")[2]
    if operator == "Null":
        return (values is None) == (test.values == ("true",))
    optional = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    negated = operator.startswith(("StringNot", "ArnNot"))
    check = _OPERATORS.get(operator.replace("Not", "", 1) if negated else operator)
    if check is None:
        return effect == "Deny"
    if values is None:
        return optional or negated
    hits = [any(check(wanted, value) for wanted in test.values) != negated for value in values]
    return all(hits) if negated or test.operator.startswith("ForAllValues:") else any(hits)
