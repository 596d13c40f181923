"""The evaluator against the published rules: ``policy_table`` holds them as rows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kit import policy_table as table

from sagewright.access.decision import EVERYBODY, Principal, decide
from sagewright.access.patterns import any_like, like
from sagewright.access.policy import Access, Policies, Policy, parse

ACCOUNT_NAMES = frozenset((("AWS", table.ACCOUNT), ("AWS", table.ROOT), ("AWS", "*")))


def policies(kind: str, statements: list[dict[str, Any]]) -> Policies:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return Policies([Policy(kind, "none", parse(document))] if statements else [])


def principal(who: str, given: dict[str, Any]) -> Principal:
    identity = policies("identity", given.get("identity", []))
    if who == "nobody":
        return Principal(itself=EVERYBODY, identity=identity)
    return Principal(
        itself=frozenset((("AWS", table.SESSION if who == "session" else table.ANN),)),
        holder=frozenset((("AWS", table.ROLE),)) if who == "session" else frozenset(),
        account=ACCOUNT_NAMES,
        identity=None if who == "administrator" else identity,
        boundary=policies("boundary", given["boundary"]) if "boundary" in given else None,
        sessions=(policies("session", given["session"]),) if "session" in given else (),
    )


@pytest.mark.parametrize(("who", "given", "verdict", "layer"), [row for rows in table.LAYERS.values() for row in rows])
def test_layers(who: str, given: dict[str, Any], verdict: str, layer: str) -> None:
    resource = policies("resource", given["resource"]) if "resource" in given else None
    caller = principal(who, given)
    access = Access("s3:GetObject", table.OBJECT, principals=caller.names)

    for explain in (False, True):
        outcome = decide(caller, access, resource, foreign=given.get("foreign", False), explain=explain)
        assert outcome.decision.verdict == verdict
        assert not layer or outcome.layer.name.lower() == layer


@pytest.mark.parametrize(("statement", "speaks"), [row for rows in table.ELEMENTS.values() for row in rows])
def test_elements(statement: dict[str, Any], speaks: bool) -> None:
    access = Access("s3:GetObject", table.OBJECT, table.CONTEXT)

    denial = policies("p", [table.allow(), statement | {"Effect": "Deny"}])
    for ask in (Policies.decide, Policies.evaluate):
        assert ask(policies("p", [statement]), access).allowed == speaks
        assert (ask(denial, access).verdict == "explicitDeny") == speaks


@pytest.mark.parametrize(
    ("operator", "values", "given", "holds"), [row for rows in table.CONDITIONS.values() for row in rows]
)
def test_conditions(operator: str, values: Any, given: list[str] | None, holds: bool) -> None:
    statement = table.allow(Condition={operator: {"aws:Any": values}})
    access = Access("s3:GetObject", table.OBJECT, {} if given is None else {"AWS:any": given})

    assert policies("p", [statement]).evaluate(access).allowed == holds
    assert policies("p", [statement]).decide(access).allowed == holds


def test_the_first_version_of_the_language_has_no_variables() -> None:
    document = json.dumps({"Statement": table.allow(Resource="arn:aws:s3:::${aws:username}")})
    first = Policies([Policy("p", "none", parse(document))])

    assert not first.evaluate(Access("s3:ListBucket", "arn:aws:s3:::ann", table.CONTEXT)).allowed
    assert first.evaluate(Access("s3:ListBucket", "arn:aws:s3:::${aws:username}", table.CONTEXT)).allowed


@given(st.lists(st.text("a*?.", max_size=6), min_size=1, max_size=4), st.text("a.", max_size=6))
def test_several_patterns_together_fit_what_one_of_them_fits(patterns: list[str], text: str) -> None:
    assert any_like(patterns)(text) == any(like(pattern, text) for pattern in patterns)


def test_an_answer_says_whether_the_request_had_a_part_in_it() -> None:
    """Such answers cannot be kept for the next request, nor found without its context."""

    def unneeded() -> dict[str, list[str]]:
        raise AssertionError("the context was asked for")

    home = table.allow(Resource="arn:aws:s3:::${aws:username}/*")
    plain = policies("p", [home, table.allow(), table.deny(Action="iam:*", Condition={"Null": {"aws:any": "true"}})])
    assert plain.decide(Access("s3:GetObject", table.OBJECT, unneeded)).fixed
    assert not plain.decide(Access("iam:GetUser", table.ANN, {"aws:any": ["x"]})).fixed
    for context, verdict in ({"aws:username": ["data"]}, "allowed"), ({}, "implicitDeny"):
        decision = policies("p", [home]).decide(Access("s3:GetObject", table.OBJECT, context))
        assert (decision.verdict, decision.fixed) == (verdict, False)
