"""Who a resource is: names that callers give, that the server makes, numbers under a parent, and several members."""

from __future__ import annotations

import dataclasses
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.kit.examples import Stage

from sagewright.access.permissions import needed
from sagewright.core.errors import ValidationException
from sagewright.nouns import declaration
from sagewright.nouns.declaration import Noun, Refusal, check_declaration
from sagewright.nouns.identity import Composite, Generated, Given, Identity, Numbered
from sagewright.nouns.shape import DeclarationError, Shape
from sagewright.nouns.verbs import answer
from sagewright.store.resources import Stale

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
PACKAGES = Numbered(
    parent="ModelPackageGroup", under="ModelPackageGroupName", number="ModelPackageVersion", alone="ModelPackageName"
)


def noun(kind: str, path: str, identity: Identity, **more: Any) -> Noun:
    made = Noun(
        kind=kind,
        path=path,
        identity=identity,
        taken=Refusal("{arn} is taken."),
        missing=Refusal("{arn} is missing."),
        **more,
    )
    check_declaration(made)
    return made


GROUP = noun(
    "ModelPackageGroup",
    "model-package-group/{name}",
    Given("ModelPackageGroupName"),
    shape=Shape(filters={"CrossAccountFilterOption": lambda _call, _value: bool}),
)
FILTERS: dict[str, Any] = {"NameContains": "ModelPackageArn", "ModelPackageType": lambda _call, _value: bool}
PACKAGE = noun("ModelPackage", "model-package/{name}", PACKAGES, shape=Shape(filters=FILTERS))
DOMAIN = noun("Domain", "domain/{name}", Generated("DomainId", "d-"))
ARTIFACT = noun(
    "Artifact",
    "artifact/{name}",
    Generated("ArtifactArn", length=32),
    shape=Shape(filters={"SourceUri": "Source.SourceUri"}),
)
APP = noun("App", "app/{name}", Composite(("DomainId", "UserProfileName|SpaceName", "AppType", "AppName")))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setitem(declaration._nouns, "ModelPackageGroup", GROUP)
    stage = Stage(tmp_path)
    GROUP.create(stage.call("CreateModelPackageGroup"), {"ModelPackageGroupName": "group"})
    return stage


def test_a_given_name_is_found_by_name_and_by_arn_and_by_no_other_kinds_arn(stage: Stage) -> None:
    call = stage.call("")
    found = GROUP.find(call, {"ModelPackageGroupName": "group"})
    for wanted in (found.name, found.arn, {"ModelPackageGroupName": found.arn}):
        assert GROUP.find(call, wanted) == found
    other = found.arn.replace("us-east-1", "eu-west-1")
    for noun_, arn in ((GROUP, other), (DOMAIN, found.arn), (GROUP, f"{ARN}:model-package-group/none")):
        with pytest.raises(ValidationException, match=f"{re.escape(arn)} is missing"):
            noun_.find(call, arn)
    with pytest.raises(ValidationException, match=f"{re.escape(found.arn)} is taken"):
        GROUP.create(call, {"ModelPackageGroupName": "group"})


def test_a_generated_name_is_made_by_the_server_and_answered(stage: Stage) -> None:
    call = stage.call("CreateDomain")
    made = [DOMAIN.create(call, {"DomainName": "studio"}) for _ in range(2)]
    assert made[0].name != made[1].name
    assert re.fullmatch("d-[a-z0-9]{12}", made[0].name)
    assert answer(DOMAIN, "Create", call, made[0]) == {"DomainArn": made[0].arn, "DomainId": made[0].name}
    assert DOMAIN.find(call, {"DomainId": made[1].name}) == made[1]
    assert {"DomainId": made[1].name, "DomainName": "studio"}.items() <= DOMAIN.brief(made[1]).items()


def test_what_is_generated_may_be_known_by_its_arn_alone(stage: Stage) -> None:
    call = stage.call("CreateArtifact")
    made = ARTIFACT.create(call, {"ArtifactName": "data", "ArtifactType": "x", "Source": {"SourceUri": "s3://b/k"}})
    assert made.arn == f"{ARN}:artifact/{made.name}"
    assert ARTIFACT.brief(made)["ArtifactArn"] == made.arn
    assert ARTIFACT.find(call, {"ArtifactArn": made.arn}) == made


def test_numbers_go_up_under_a_parent_and_none_is_given_twice(stage: Stage) -> None:
    call = stage.call("CreateModelPackage")
    one, two = (PACKAGE.create(call, {"ModelPackageGroupName": each}) for each in ("group", GROUP.arn(call, "group")))
    assert (one.name, two.arn) == ("group/1", f"{ARN}:model-package/group/2")
    stage.platform.resources.delete(two)
    three = PACKAGE.create(call, {"ModelPackageGroupName": "group"})
    said = PACKAGE.brief(three)
    assert (said["ModelPackageGroupName"], said["ModelPackageVersion"]) == ("group", 3)
    assert PACKAGE.find(call, {"ModelPackageName": three.arn}) == three
    assert PACKAGE.find(call, {"ModelPackageArn": one.arn}) == one
    assert PACKAGE.find(call, {"ModelPackageGroupName": "group", "ModelPackageVersion": 1}) == one
    stage.platform.resources.delete(three)
    assert PACKAGE.find(call, {"ModelPackageGroupName": "group"}) == one
    assert "NumbersGiven" not in GROUP.facts.described


def test_what_may_be_numbered_may_have_a_name_of_its_own(stage: Stage) -> None:
    call = stage.call("CreateModelPackage")
    made = PACKAGE.create(call, {"ModelPackageName": "alone"})
    assert made.arn == f"{ARN}:model-package/alone"
    assert PACKAGE.find(call, {"ModelPackageName": "alone"}) == made
    assert PACKAGE.brief(made)["ModelPackageName"] == "alone"
    with pytest.raises(ValidationException, match="You must specify ModelPackageName or ModelPackageGroupName"):
        PACKAGE.create(call, {})
    with pytest.raises(ValidationException, match="model-package-group/none is missing"):
        PACKAGE.create(call, {"ModelPackageGroupName": "none"})


def test_callers_at_once_in_two_servers_get_numbers_without_a_gap(stage: Stage) -> None:
    servers = [dataclasses.replace(PACKAGE, identity=dataclasses.replace(PACKAGES)) for _ in range(2)]
    assert servers[0].identity.lock is not servers[1].identity.lock  # type: ignore[attr-defined]
    call = stage.call("CreateModelPackage")

    def create(number: int) -> str:
        return servers[number % 2].create(call, {"ModelPackageGroupName": "group"}).name

    with ThreadPoolExecutor(8) as threads:
        names = list(threads.map(create, range(40)))
    assert sorted(names) == sorted(f"group/{number}" for number in range(1, 41))


def test_several_members_name_a_composite(stage: Stage) -> None:
    call = stage.call("CreateApp")
    wanted = {"DomainId": "d-1", "SpaceName": "s", "AppType": "JupyterLab", "AppName": "default"}
    made = APP.create(call, wanted)
    assert made.arn == f"{ARN}:app/d-1/s/JupyterLab/default"
    assert APP.find(call, wanted) == made
    assert APP.find(call, {**wanted, "SpaceName": "s"}) == made
    for wrong in ({"UserProfileName": "u"}, {"SpaceName": ""}):
        with pytest.raises(ValidationException, match="You must specify one of UserProfileName, SpaceName"):
            APP.find(call, {**wanted, **wrong})


def test_a_policy_is_asked_about_what_the_request_says_of_the_name() -> None:
    assert PACKAGES.pattern({"ModelPackageGroupName": "group"}) == "group/*"
    assert PACKAGES.pattern({"ModelPackageName": f"{ARN}:model-package/group/1"}) == f"{ARN}:model-package/group/1"
    assert Generated("DomainId").pattern({"DomainName": "n"}) == "*"
    assert Composite(("DomainId", "SpaceName")).pattern({"DomainId": "d"}) == "d/*"


def test_permissions_name_the_resource(stage: Stage) -> None:
    call = stage.call("DescribeModel")
    assert needed(call, {"ModelName": "m"})[0].resource == f"{ARN}:model/m"
    assert needed(stage.call("ListModels"), {})[0].resource == "*"


@pytest.mark.parametrize(
    ("kind", "identity", "named"),
    [
        ("Model", Given("Modelname"), "CreateModel has no member Modelname"),
        ("Domain", Generated("DomainIdentifier"), "DescribeDomain has no member DomainIdentifier"),
        ("App", Composite(("DomainId", "Room")), "CreateApp has no member Room"),
        ("ModelPackage", Numbered("ModelPackageGroup", "Group", "V"), "CreateModelPackage has no member Group"),
    ],
)
def test_an_identity_that_the_model_lacks_fails_naming_the_member(kind: str, identity: Identity, named: str) -> None:
    with pytest.raises(DeclarationError, match=named):
        noun(kind, "x/{name}", identity, shape=Shape(filters=FILTERS if kind == "ModelPackage" else {}))


def test_a_kind_that_no_one_member_names_has_to_say_its_identity() -> None:
    with pytest.raises(DeclarationError, match=r"Space: Describe requires .*SpaceName.*: Noun\(identity=…\)"):
        Noun(kind="Space", path="space/{name}", taken=Refusal(""), missing=Refusal(""), shape=Shape())


def test_a_parent_that_always_moves_is_not_waited_for_for_ever(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = stage.platform.resources
    parent = GROUP.find(stage.call(""), "group")
    resources.update(parent, status={"Status": "Completed"})
    with pytest.raises(Stale):
        resources.update(parent, status={})
    monkeypatch.setattr("sagewright.nouns.identity._ATTEMPTS", 0)
    with pytest.raises(Exception, match="is being added to by many callers"):
        PACKAGE.create(stage.call(""), {"ModelPackageGroupName": "group"})
