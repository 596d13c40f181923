"""Directories that are copied to S3 while a job runs, as its request names them."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from sagewright.backends.base import Input, Sync
from sagewright.core import Json
from sagewright.core.errors import ValidationException
from sagewright.core.s3_uri import split
from sagewright.engine.role_objects import RoleObjects
from sagewright.services.sagemaker._shared.inputs import require_distinct
from sagewright.services.sagemaker._shared.s3_uris import inputs_below, joined, require_bucket

ROOT = "/opt/ml"
CHECKPOINTS = "/opt/ml/checkpoints"
TENSORBOARD = "/opt/ml/output/tensorboard"
_TAKEN = ("/opt/ml/input", "/opt/ml/code")


@dataclass(frozen=True, slots=True)
class Synced:
    """Synced directories, what lies there at the start, and where their files go: name → (bucket, key)."""

    syncs: tuple[Sync, ...]
    inputs: tuple[Input, ...]
    destinations: Mapping[str, tuple[str, str]]


def require_synced(objects: RoleObjects, request: Json) -> None:
    """Raises ValidationException for a CheckpointConfig or TensorBoardOutputConfig that cannot be followed."""
    for member, uri, default in (
        ("CheckpointConfig", "S3Uri", CHECKPOINTS),
        ("TensorBoardOutputConfig", "S3OutputPath", TENSORBOARD),
    ):
        if member in request:
            _require_place(f"{member}.LocalPath", request[member].get("LocalPath", default))
            require_bucket(objects, request[member][uri], "file")


def _require_place(member: str, path: str) -> None:
    place = f"{posixpath.normpath(path)}/"
    if not place.startswith(f"{ROOT}/") or place == f"{ROOT}/":
        raise ValidationException(f"{member} {path!r} is invalid: it has to be below {ROOT}/.")
    if any(place.startswith(f"{taken}/") for taken in _TAKEN):
        raise ValidationException(f"{member} {path!r} is invalid: {' and '.join(_TAKEN)} are taken.")


def of_training(spec: Json, name: str, objects: RoleObjects) -> Synced:
    """What of a training job is synced: its checkpoints, restored at the start, and its TensorBoard output.

    Raises ``AccessDenied``, and ``Coming`` while checkpoints are being fetched from elsewhere.
    """
    syncs: list[Sync] = []
    inputs: list[Input] = []
    destinations: dict[str, tuple[str, str]] = {}
    if "CheckpointConfig" in spec:
        config = spec["CheckpointConfig"]
        path = posixpath.normpath(config.get("LocalPath", CHECKPOINTS))
        below = f"{config['S3Uri'].rstrip('/')}/"
        inputs.append(Input(path, require_distinct(inputs_below(objects, below), below)))
        syncs.append(Sync("checkpoints", path, deletes=True, markers=True))
        destinations["checkpoints"] = destination(below)
    if "TensorBoardOutputConfig" in spec:
        config = spec["TensorBoardOutputConfig"]
        path = posixpath.normpath(config.get("LocalPath", TENSORBOARD))
        inputs.append(Input(path, ()))
        syncs.append(Sync("tensorboard", path))
        destinations["tensorboard"] = destination(joined(config["S3OutputPath"], name, "tensorboard-output"))
    return Synced(tuple(syncs), tuple(inputs), destinations)


def destination(uri: str) -> tuple[str, str]:
    """Bucket and key below which files go."""
    bucket, key = split(uri)
    return bucket, key.rstrip("/")
