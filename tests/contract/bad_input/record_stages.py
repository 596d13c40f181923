"""The registry's and the definitions' valid requests, for the stage of SageMaker."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from tests.kit.endpoints import SKLEARN
from tests.services.sagemaker.records import examples as records

Values = dict[str, Any]
ACCOUNT = "123456789012"
ARN = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
PLAIN: dict[str, Values] = {
    **{f"{kind}JobDefinition": request for kind, request in records.JOB_DEFINITIONS.items()},
    "StudioLifecycleConfig": records.STUDIO_LIFECYCLE_CONFIG,
    "AppImageConfig": records.APP_IMAGE_CONFIG,
    "Image": records.IMAGE,
    "HumanTaskUi": records.HUMAN_TASK_UI,
    "Workforce": records.WORKFORCE,
    "Workteam": records.WORKTEAM,
    "ModelPackageGroup": {"ModelPackageGroupName": "example"},
    "ModelCard": {"ModelCardName": "example", "Content": "{}", "ModelCardStatus": "Draft"},
}


def _name(kind: str) -> str:
    return "JobDefinitionName" if kind.endswith("JobDefinition") else f"{kind}Name"


def _fresh(name: str, _: Values) -> Values:
    return {name: f"fresh-{uuid.uuid4().hex[:12]}"}


def _doomed(name: str, _: Values) -> Values:
    return {name: "doomed"}


OWN_RECORDS: Mapping[str, Callable[[Values], Values]] = {
    **{f"Create{kind}": partial(_fresh, _name(kind)) for kind in (*PLAIN, "ModelPackage")},
    **{f"Delete{kind}": partial(_doomed, _name(kind)) for kind in (*PLAIN, "ModelPackage")},
    "DeleteImageVersion": lambda values: {"Version": values["DoomedVersion"]},
}
"""Members that another operation would fill otherwise."""


def _each(*calls: Callable[[], Any]) -> None:
    """All of them, though what is there already refuses to be made again."""
    for call in calls:
        with contextlib.suppress(ClientError):
            call()


def records_stage(it: Any) -> tuple[Values, dict[str, Callable[[], Any]]]:
    """The registry and the definitions: one of each kind, and for each Delete one more."""
    values: Values = {}
    again: dict[str, Callable[[], Any]] = {}
    for kind, request in PLAIN.items():
        name = _name(kind)
        make = getattr(it, f"create_{xform_name(kind)}")
        _each(lambda make=make, request=request: make(**request))
        values |= {member: value for member, value in request.items() if member not in ("Tags", "RoleArn")}
        again[f"Delete{kind}"] = partial(make, **{**request, name: "doomed"})
    specification = {"Containers": [{"Image": SKLEARN}]}
    package = partial(it.create_model_package, InferenceSpecification=specification)
    group_policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": "sagemaker:DescribeModelPackageGroup",
                "Resource": f"{ARN}:model-package-group/example",
            }
        ],
    }
    policy = {"ModelPackageGroupName": "example", "ResourcePolicy": json.dumps(group_policy)}
    put = partial(it.put_model_package_group_policy, **policy)
    _each(
        lambda: package(ModelPackageGroupName="example"),
        put,
        lambda: it.create_image_version(ImageName="example", BaseImage="r/i:1", ClientToken="t"),
        *again.values(),
    )
    again |= {
        "DeleteModelPackage": lambda: package(ModelPackageName="doomed"),
        "DeleteModelPackageGroupPolicy": put,
        "DeleteImageVersion": lambda: {
            "DoomedVersion": int(
                it.create_image_version(ImageName="example", BaseImage="r/i:1", ClientToken="t")[
                    "ImageVersionArn"
                ].rpartition("/")[2]
            )
        },
    }
    _each(*again.values())
    values |= {
        "ModelPackageName": f"{ARN}:model-package/example/1",
        "ModelPackageArn": f"{ARN}:model-package/example/1",
        "ModelPackageArnList": [f"{ARN}:model-package/example/1"],
        "InferenceSpecification": specification,
        "ResourcePolicy": policy["ResourcePolicy"],
        "BaseImage": "r/i:1",
        **again["DeleteImageVersion"](),
    }
    return values, again
