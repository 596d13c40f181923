"""The XGBoost container around a user's own scripts, and what such scripts import of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from sagewright_runtime.algorithms.xgboost import bodies
from sagewright_runtime.serving import codecs
from sagewright_runtime.serving.contract import Defaults


def csv_to_dmatrix(input: str | bytes, dtype: Any = None) -> xgboost.DMatrix:
    """CSV text as a DMatrix; an empty field is missing."""
    return xgboost.DMatrix(codecs.parse_csv(_text(input)).astype(dtype or np.float64))


def libsvm_to_dmatrix(string_like: str | bytes) -> xgboost.DMatrix:
    """LIBSVM text as a DMatrix; its indices count from 0."""
    return xgboost.DMatrix(bodies.parse_libsvm(_text(string_like)))


def decode(obj: str | bytes, content_type: str) -> xgboost.DMatrix:
    """A request body as a DMatrix. Raises ``UnsupportedFormatError``."""
    kind = bodies.MEDIA_TYPES.get(codecs.media_type(content_type))
    if kind == bodies.CSV:
        return csv_to_dmatrix(obj)
    if kind == bodies.LIBSVM:
        return libsvm_to_dmatrix(obj)
    raise codecs.UnsupportedFormatError(content_type)


def json_to_jsonlines(json_data: Any) -> bytes:
    """``{"name": [entry, …]}`` with one entry on each line."""
    data = json_data if isinstance(json_data, dict) else json.loads(json_data)
    if len(data) != 1:
        raise ValueError("JSON response is not compatible for conversion to jsonlines.")
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in next(iter(data.values())))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _predict(data: Any, model: Any) -> Any:
    return model.predict(data, validate_features=False)


DEFAULTS = Defaults(input_fn=decode, predict_fn=_predict)


def get_content_type(content_type: str) -> str:
    """``csv``, ``libsvm`` or ``parquet`` for a media type. Raises ``ClientError``."""
    from sagewright_runtime.algorithms.xgboost import data  # noqa: PLC0415 (needs pandas)

    return data.format_of(content_type)


def get_dmatrix(
    data_path: str | Sequence[str],
    content_type: str,
    csv_weights: int = 0,
    is_pipe: bool = False,
    combine_train_val: bool = False,  # noqa: ARG001 - ``data_path`` lists what to combine
) -> xgboost.DMatrix | None:
    """The rows of a file, of a directory's files or of several such; None where there are none.

    Raises ``ClientError`` naming the file and line that is wrong.
    """
    from sagewright_runtime.algorithms.xgboost import data  # noqa: PLC0415 (needs pandas)

    if is_pipe:
        raise NotImplementedError("Pipe mode is not supported; use input mode File.")
    paths = [data_path] if isinstance(data_path, str) else list(data_path)
    files = [file for path in map(Path, paths) for file in ([path] if path.is_file() else data.data_files(path))]
    return data.read(files, data.format_of(content_type), bool(csv_weights)) if files else None


def rabit_run(
    exec_fun: Callable[..., Any],
    args: dict[str, Any],
    include_in_training: bool,
    hosts: Sequence[str],
    current_host: str,  # noqa: ARG001 - scripts pass it by name
    update_rabit_args: bool = False,
    **_: Any,
) -> None:
    """Call ``exec_fun`` with ``args`` on a job's only host. Raises ``NotImplementedError`` for several hosts."""
    if len(hosts) > 1:
        raise NotImplementedError("Distributed XGBoost training is not supported yet: set InstanceCount to 1.")
    if include_in_training:
        exec_fun(**{**args, **({"is_master": True} if update_rabit_args else {})})
