"""The XGBoost container around a user's own inference module, and its ``encoder``, which such modules import."""

from __future__ import annotations

import importlib.util
import json
import sys
from types import ModuleType
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


def offer_encoder() -> None:
    """Let ``from sagemaker_xgboost_container import encoder`` work, which AWS's example scripts begin with."""
    if importlib.util.find_spec("sagemaker_xgboost_container") is not None:
        return
    package = ModuleType("sagemaker_xgboost_container")
    package.__path__ = []
    package.encoder = sys.modules[__name__]  # type: ignore[attr-defined]
    sys.modules[package.__name__] = package
    sys.modules[f"{package.__name__}.encoder"] = sys.modules[__name__]
