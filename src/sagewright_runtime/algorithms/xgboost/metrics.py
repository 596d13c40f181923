"""Evaluation metrics: XGBoost's own, and those that SageMaker's algorithm adds to them.

https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost-tuning.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewright_runtime.training.failures import ClientError

if TYPE_CHECKING:
    import xgboost

Array = np.ndarray[Any, Any]

LARGER_IS_BETTER = frozenset(
    {
        "accuracy", "auc", "aucpr", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "map", "ndcg", "precision",
        "precision_macro", "precision_micro", "r2", "recall", "recall_macro", "recall_micro",
    }
)  # fmt: skip
_SMALLER_IS_BETTER = frozenset(
    {
        "aft-nloglik", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik", "interval-regression-accuracy",
        "logloss", "mae", "mape", "merror", "mlogloss", "mphe", "mse", "poisson-nloglik", "rmse", "rmsle",
        "tweedie-nloglik",
    }
)  # fmt: skip
_WITH_THRESHOLD = ("error", "ndcg", "map")


def check(metric: str, objective: str) -> None:
    """Raises ``ClientError`` when there is no such metric, or not for this objective."""
    name, at, threshold = metric.partition("@")
    if name not in LARGER_IS_BETTER | _SMALLER_IS_BETTER and not name.startswith("tweedie-nloglik"):
        names = ", ".join(sorted(LARGER_IS_BETTER | _SMALLER_IS_BETTER))
        raise ClientError(f"Hyperparameter eval_metric: value {metric!r} not in range [{names}]")
    if at and not name.startswith("tweedie-nloglik"):
        if name not in _WITH_THRESHOLD:
            raise ClientError(
                f"Metric '{metric}' is not supported. Parameter 'eval_metric' with customized threshold should be one "
                f"of these options: {', '.join(map(repr, _WITH_THRESHOLD))}."
            )
        try:
            float(threshold[:-1] if threshold.endswith("-") else threshold)
        except ValueError:
            raise ClientError(f"Threshold value 't' in '{name}@t' expects float input.") from None
    if name == "auc" and not objective.startswith(("binary:", "rank:")):
        raise ClientError("Metric 'auc' can only be applied for classification and ranking problems.")
    if name == "aft-nloglik" and objective != "survival:aft":
        raise ClientError("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")


def evaluation(names: list[str], objective: str) -> Callable[[Array, xgboost.DMatrix], list[tuple[str, float]]]:
    """A ``custom_metric`` for ``xgboost.train`` that computes ``names``, all of ``ADDED``."""

    def evaluate(predictions: Array, matrix: xgboost.DMatrix) -> list[tuple[str, float]]:
        labels = matrix.get_label()
        return [(name, ADDED[name](labels, predictions, objective)) for name in names]

    return evaluate


def _classes(predictions: Array, objective: str) -> Array:
    if objective == "multi:softmax":
        return predictions
    if predictions.ndim == 2:
        return np.asarray(predictions.argmax(axis=1))
    return np.asarray(predictions > (0.0 if objective == "binary:logitraw" else 0.5))


def _confusion(labels: Array, predictions: Array, objective: str) -> Array:
    """Counts [true class, predicted class] over the classes that occur in either."""
    truth, guess = labels.astype(np.int64), _classes(predictions, objective).astype(np.int64)
    classes = np.union1d(truth, guess)
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (np.searchsorted(classes, truth), np.searchsorted(classes, guess)), 1)
    return counts


def _ratio(numerator: Array, denominator: Array) -> Array:
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def _accuracy(labels: Array, predictions: Array, objective: str) -> float:
    return float(np.mean(labels == _classes(predictions, objective)))


def _recalls(labels: Array, predictions: Array, objective: str) -> Array:
    counts = _confusion(labels, predictions, objective)
    return _ratio(counts.diagonal(), counts.sum(axis=1))


def _precisions(labels: Array, predictions: Array, objective: str) -> Array:
    counts = _confusion(labels, predictions, objective)
    return _ratio(counts.diagonal(), counts.sum(axis=0))


def _f1s(labels: Array, predictions: Array, objective: str) -> Array:
    counts = _confusion(labels, predictions, objective)
    return _ratio(2 * counts.diagonal(), counts.sum(axis=0) + counts.sum(axis=1))


def _balanced_accuracy(labels: Array, predictions: Array, objective: str) -> float:
    counts = _confusion(labels, predictions, objective)
    occurring = counts.sum(axis=1) > 0
    return float(_ratio(counts.diagonal(), counts.sum(axis=1))[occurring].mean())


def _r2(labels: Array, predictions: Array, _objective: str) -> float:
    labels, predictions = labels.astype(np.float64), predictions.astype(np.float64)
    spread = float(((labels - labels.mean()) ** 2).sum())
    missed = float(((labels - predictions) ** 2).sum())
    return 1.0 - missed / spread if spread else (0.0 if missed else 1.0)


def _mse(labels: Array, predictions: Array, _objective: str) -> float:
    return float(np.mean((labels.astype(np.float64) - predictions) ** 2))


def _macro(scores: Callable[[Array, Array, str], Array]) -> Callable[[Array, Array, str], float]:
    return lambda labels, predictions, objective: float(scores(labels, predictions, objective).mean())


def _positive(scores: Callable[[Array, Array, str], Array]) -> Callable[[Array, Array, str], float]:
    """The score of class 1; like the original, for two classes only."""

    def score(labels: Array, predictions: Array, objective: str) -> float:
        if np.setdiff1d(labels, (0, 1)).size or objective.startswith("multi:"):
            raise ClientError(
                "Target is multiclass but average='binary'. Please choose another average setting, one of the metrics "
                "that end in _macro or _micro."
            )
        if not (labels == 1).any() and not _classes(predictions, objective).any():
            return 0.0
        return float(scores(labels, predictions, objective)[-1])

    return score


ADDED: dict[str, Callable[[Array, Array, str], float]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _macro(_f1s),
    "f1_binary": _positive(_f1s),
    "f1_macro": _macro(_f1s),
    "mse": _mse,
    "precision": _positive(_precisions),
    "precision_macro": _macro(_precisions),
    "precision_micro": _accuracy,
    "r2": _r2,
    "recall": _positive(_recalls),
    "recall_macro": _macro(_recalls),
    "recall_micro": _accuracy,
}
