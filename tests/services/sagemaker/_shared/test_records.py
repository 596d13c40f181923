"""Versions of a record are those that are named after it, the newest first."""

from __future__ import annotations

from pathlib import Path

from tests.kit.examples import Stage

from sagewright.services.sagemaker._shared.records import user_context, versions_of


def test_versions_are_named_after_their_parent(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    call = stage.call("")

    def made(name: str, kind: str = "Version") -> None:
        stage.platform.resources.create(
            account=call.account, region=call.region, kind=kind, name=name, arn=f"arn:{kind}:{name}", spec={}
        )

    for name in ("a/1", "b/1", "a/2", "ba/1", "a/b/1"):
        made(name)
    made("a", "Parent")
    parent = stage.platform.resources.get(call.account, call.region, "Parent", "a")
    assert parent is not None
    assert [each.name for each in versions_of(call, parent, "Version")] == ["a/2", "a/1"]


def test_a_user_is_known_by_the_arn_of_the_caller(tmp_path: Path) -> None:
    call = Stage(tmp_path).call("")
    assert user_context(call)["IamIdentity"]["Arn"] == call.principal.arn
