"""Which resources of a policy are the group's."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kit.examples import Stage

from sagewright.services.sagemaker.registry._group_policy import _is_about

ACCOUNT = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.mark.parametrize(
    ("resource", "about"),
    [
        (f"{ACCOUNT}:model-package-group/g", True),
        (f"{ACCOUNT}:model-package/g/*", True),
        (f"{ACCOUNT}:model-package/g/3", True),
        ("*", True),
        (f"{ACCOUNT}:model-package-group/g?", False),
        (f"{ACCOUNT}:model-package-group/gg", False),
        (f"{ACCOUNT}:model-package/gg/*", False),
        (f"{ACCOUNT}:model/g", False),
    ],
)
def test_a_resource_is_the_group_or_versions_in_it(tmp_path: Path, resource: str, about: bool) -> None:
    stage = Stage(tmp_path)
    group = stage.platform.resources.create(
        account="123456789012",
        region="us-east-1",
        kind="ModelPackageGroup",
        name="g",
        arn=f"{ACCOUNT}:model-package-group/g",
        spec={},
    )
    assert _is_about(group, resource) is about
