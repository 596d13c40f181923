"""What each framework's container does by default around a user's model."""

from __future__ import annotations

from typing import Any

import numpy as np

from sagewright_runtime.serving import codecs
from sagewright_runtime.serving.contract import Defaults


def _float32_input(body: str | bytes, content_type: str) -> Any:
    """scikit-learn: JSON and CSV become float32 (aws/sagemaker-scikit-learn-container)."""
    kind = codecs.media_type(content_type)
    if kind == codecs.CSV and isinstance(body, str):
        return _float32_csv(body)
    data = codecs.decode(body, content_type)
    return data.astype(np.float32) if kind in codecs.UTF8_TYPES else data


def _float32_csv(text: str) -> Any:
    """As ``genfromtxt``, with its shapes: one row or one column is one-dimensional. 20 times quicker for a row."""
    try:
        rows = [[float(value) for value in line.split(",")] for line in text.splitlines() if line.strip()]
        data = np.array(rows, dtype=np.float32)
    except ValueError:  # holes, comments, words, ragged rows
        data = codecs.decode(text, codecs.CSV).astype(np.float32)
    return np.squeeze(data)


def _predict(data: Any, model: Any) -> Any:
    """``model.predict``, with one row of numbers as the matrix that estimators ask for."""
    if getattr(data, "ndim", 0) == 1 and data.dtype.kind in "fiub":
        data = data.reshape(1, -1)
    return model.predict(data)


SKLEARN = Defaults(input_fn=_float32_input, predict_fn=_predict)
GENERIC = Defaults(input_fn=codecs.decode, predict_fn=_predict)
