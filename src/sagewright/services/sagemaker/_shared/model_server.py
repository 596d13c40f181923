"""A model's container as a program that answers: what endpoints and transform jobs start.

Contract: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright.backends.base import Input
from sagewright.engine.run import Refused
from sagewright.engine.tools import Tools
from sagewright.environments.catalog import EnvironmentSpec, UnknownImage, resolve
from sagewright.services.sagemaker._shared.requirements import requirements_in
from sagewright.services.sagemaker._shared.s3_uris import inputs_below

Json = dict[str, Any]

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


def model_server(container: Json, region: str, tools: Tools) -> ModelServer:
    """The model server of a container. Raises ``Refused`` for an image or files that are not there."""
    try:
        environment = resolve(container["Image"])
    except UnknownImage as error:
        raise Refused(str(error)) from None
    inputs, requirements = _inputs(container, tools)
    env = {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **environment.variables,
        **container.get("Environment", {}),
    }
    if env.get("SAGEMAKER_SUBMIT_DIRECTORY", "").startswith("s3://"):
        env["SAGEMAKER_SUBMIT_DIRECTORY"] = CODE
    return ModelServer(environment, requirements, inputs, env)


def _inputs(container: Json, tools: Tools) -> tuple[tuple[Input, ...], str | None]:
    """The model and the user's inference code, with the code's requirements.txt."""
    inputs: list[Input] = []
    requirements: str | None = None
    uri, packed = model_data(container)
    if uri:
        files = inputs_below(tools.objects, uri)
        if not files:
            raise Refused(f"Could not find model data at {uri}.")
        inputs.append(Input(MODEL, files, unpack=packed))
        if packed:
            requirements = requirements_in(Path(files[0].source), "code/requirements.txt")
    submitted = container.get("Environment", {}).get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if submitted.startswith("s3://") and submitted != uri:
        files = inputs_below(tools.objects, submitted)
        if not files:
            raise Refused(f"Could not find the code at SAGEMAKER_SUBMIT_DIRECTORY {submitted}.")
        inputs.append(Input(CODE, files, unpack=True))
        requirements = requirements_in(Path(files[0].source)) or requirements
    return tuple(inputs), requirements
