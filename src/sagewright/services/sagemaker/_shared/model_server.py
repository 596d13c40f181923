"""A model's container as a program that answers: what endpoints and transform jobs start.

Contract: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sagewright.backends.base import Input
from sagewright.core import Json
from sagewright.core.s3_uri import is_s3
from sagewright.engine.role_objects import AccessDenied, RoleObjects
from sagewright.engine.run import Refused
from sagewright.environments.catalog import EnvironmentSpec, UnknownImage, resolve
from sagewright.services.sagemaker._shared.requirements import requirements_among, requirements_in
from sagewright.services.sagemaker._shared.s3_uris import inputs_below, object_at

MODEL = "/opt/ml/model"
CODE = "/opt/ml/model/code"


@dataclass(frozen=True, slots=True)
class ModelServer:
    """What ``serve`` needs: its environment with the user's requirements on top, files and variables."""

    environment: EnvironmentSpec
    requirements: str | None
    inputs: tuple[Input, ...]
    env: dict[str, str]


def containers(spec: Json) -> list[Json]:
    """The containers of a model's spec, the primary one first."""
    return [spec["PrimaryContainer"]] if "PrimaryContainer" in spec else list(spec.get("Containers", ()))


def model_data(container: Json) -> tuple[str, bool]:
    """Where a container's model lies and whether it is a .tar.gz to unpack; ("", False) for none."""
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source:
        return source["S3Uri"], source["CompressionType"] == "Gzip"
    return container.get("ModelDataUrl", ""), True


def is_one_object(container: Json) -> bool:
    """Whether the model data is the one object at its URI, and not all that lies below a prefix."""
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    return source is None or source["S3DataType"] == "S3Object" or source["CompressionType"] == "Gzip"


def submit_directory(container: Json) -> str:
    """Where the archive with the user's code lies, empty when it is not in S3."""
    named: str = container.get("Environment", {}).get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    return named if is_s3(named) else ""


def model_server(container: Json, objects: RoleObjects) -> ModelServer:
    """The model server of a container, with files that the model's role may read.

    Raises ``Refused`` for an image or files that are not there or may not be read.
    """
    try:
        environment = resolve(container["Image"])
    except UnknownImage as error:
        raise Refused(str(error)) from None
    try:
        inputs, requirements = _inputs(container, objects)
    except AccessDenied as denial:
        raise Refused(
            f'Failed to download model data from URL: "{denial.uri}". Please ensure that there is an object located at '
            "the URL and that the role passed to CreateModel has permissions to download the model. "
            f"({denial.code}: {denial.message})"
        ) from None
    env = {
        "AWS_REGION": objects.role.region,
        "AWS_DEFAULT_REGION": objects.role.region,
        **environment.variables,
        **container.get("Environment", {}),
    }
    if is_s3(env.get("SAGEMAKER_SUBMIT_DIRECTORY", "")):
        env["SAGEMAKER_SUBMIT_DIRECTORY"] = CODE
    return ModelServer(environment, requirements, inputs, env)


def _inputs(container: Json, objects: RoleObjects) -> tuple[tuple[Input, ...], str | None]:
    """The model and the user's inference code, with the code's requirements.txt."""
    inputs: list[Input] = []
    requirements: str | None = None
    uri, packed = model_data(container)
    if uri:
        files = object_at(objects, uri) if is_one_object(container) else inputs_below(objects, uri)
        if not files:
            raise Refused(f"Could not find model data at {uri}.")
        inputs.append(Input(MODEL, files, unpack=packed))
        path = "code/requirements.txt"
        requirements = requirements_in(Path(files[0].source), path) if packed else requirements_among(files, path)
    submitted = submit_directory(container)
    if submitted and submitted != uri:
        files = object_at(objects, submitted)
        if not files:
            raise Refused(f"Could not find the code at SAGEMAKER_SUBMIT_DIRECTORY {submitted}.")
        inputs.append(Input(CODE, files, unpack=True))
        requirements = requirements_in(Path(files[0].source)) or requirements
    return tuple(inputs), requirements
