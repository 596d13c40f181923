"""A user's inference module, as small as one is: what both sides of a race run."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

FEATURES = 20


def model_fn(_model_dir: str) -> Any:
    """The same model on both sides: trained here, on numbers from a seed."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(500, FEATURES))
    return LogisticRegression().fit(rows, rows[:, 0] + rows[:, 1] > 0)


def input_fn(body: str, _content_type: str) -> Any:
    """A row of numbers as a matrix."""
    return np.array(body.split(","), dtype=np.float64).reshape(1, -1)


def predict_fn(rows: Any, model: Any) -> Any:
    """The probability of the second class."""
    return model.predict_proba(rows)[:, 1]


def output_fn(prediction: Any, _accept: str) -> tuple[str, str]:
    """The number as text."""
    return str(float(prediction[0])), "text/csv"
