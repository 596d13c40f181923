"""What each framework's container does by default around a user's model."""

from __future__ import annotations

from typing import Any

import numpy as np

from sagewright_runtime.serving import codecs
from sagewright_runtime.serving.contract import Defaults


def _float32_input(body: str | bytes, content_type: str) -> Any:
    """scikit-learn: JSON and CSV become float32 (aws/sagemaker-scikit-learn-container).

    CSV keeps the container's shapes, in which one row or one column is one-dimensional; but a hole is always NaN, where
    the container reads -1 in a column of whole numbers.
    """
    kind = codecs.media_type(content_type)
    if kind == codecs.CSV and isinstance(body, str):
        return np.squeeze(codecs.parse_csv(body).astype(np.float32))
    data = codecs.decode(body, content_type)
    return data.astype(np.float32) if kind in codecs.UTF8_TYPES else data


def _predict(data: Any, model: Any) -> Any:
    """``model.predict``, with one row of numbers as the matrix that estimators ask for."""
    if getattr(data, "ndim", 0) == 1 and data.dtype.kind in "fiub":
        data = data.reshape(1, -1)
    return model.predict(data)


SKLEARN = Defaults(input_fn=_float32_input, predict_fn=_predict)
GENERIC = Defaults(input_fn=codecs.decode, predict_fn=_predict)
