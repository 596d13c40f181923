"""Predictions of the XGBoost built-in as response bodies.

By default the predictions themselves; with ``SAGEMAKER_INFERENCE_OUTPUT`` ("selectable inference") the keys it lists.
After aws/sagemaker-xgboost-container and the guide's "Common data formats for inference".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import List, Union

JSON, JSONLINES, CSV = "application/json", "application/jsonlines", "text/csv"
ACCEPTED = (JSON, JSONLINES, CSV)

Prediction = Union[float, List[float]]
"""What XGBoost gives for one row: a number, or one for each class."""


class UnsupportedAcceptError(ValueError):
    """The client accepts nothing that can be produced; answered with status 406."""


class UnsupportedObjectiveError(ValueError):
    """Selectable inference does not know the model's objective; answered with status 500."""


_REGRESSION = frozenset(("predicted_score",))
_LABEL_AND_SCORES = frozenset(("predicted_label", "labels", "raw_score", "raw_scores"))
_ALL_CLASSIFICATION = _LABEL_AND_SCORES | {"probability", "probabilities"}
_KEYS = {
    "reg:squarederror": _REGRESSION,
    "reg:logistic": _REGRESSION,
    "reg:gamma": _REGRESSION,
    "reg:absoluteerror": _REGRESSION,
    "reg:tweedie": _REGRESSION,
    "binary:logistic": _ALL_CLASSIFICATION,
    "binary:logitraw": _LABEL_AND_SCORES,
    "binary:hinge": _LABEL_AND_SCORES,
    "multi:softmax": _LABEL_AND_SCORES,
    "multi:softprob": _ALL_CLASSIFICATION,
}


@dataclass(frozen=True)
class Encoder:
    """How this server answers. ``selected`` are the keys of ``SAGEMAKER_INFERENCE_OUTPUT``, in its order."""

    objective: str
    classes: int
    default_accept: str = CSV
    selected: tuple[str, ...] = ()
    batch: bool = False
    """Serving a batch transform job: one prediction on each line."""

    @classmethod
    def from_env(cls, env: Mapping[str, str], objective: str, classes: int) -> Encoder:
        names = env.get("SAGEMAKER_INFERENCE_OUTPUT", "").replace(" ", "").lower()
        return cls(
            objective,
            classes,
            env.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or CSV,
            tuple(key for key in names.split(",") if key),
            bool(env.get("SAGEMAKER_BATCH")),
        )

    def accepted(self, accept: str) -> str:
        """The type to answer with. Raises ``UnsupportedAcceptError``."""
        name = accept.partition(";")[0].strip()
        if not name or name == "*/*":
            return self.default_accept
        if name.lower() not in ACCEPTED:
            raise UnsupportedAcceptError(
                f"Accept type {accept} is not supported. Please use supported accept types: {list(ACCEPTED)}."
            )
        return name.lower()

    def encode(self, predictions: Sequence[Prediction], accept: str) -> bytes:
        """One request's predictions as a body of type ``accept``. Raises ``UnsupportedObjectiveError``."""
        if self.selected:
            return self._encode_selected([self._select(prediction) for prediction in predictions], accept).encode()
        if self.batch:
            return "".join(f"{prediction}\n" for prediction in predictions).encode()
        if accept == CSV:
            return "".join(f"{_csv_fields(prediction)}\n" for prediction in predictions).encode()
        return _encode_records([{"score": prediction} for prediction in predictions], accept).encode()

    def _encode_selected(self, records: list[dict[str, object]], accept: str) -> str:
        if accept != CSV:
            return _encode_records(records, accept)
        lines = [",".join(_quoted(record[key]) for key in self.selected) for record in records]
        return "\n".join(lines) + ("\n" if self.batch else "")

    def _select(self, prediction: Prediction) -> dict[str, object]:
        """The selected keys of one prediction; NaN for those that its objective does not have."""
        possible = _KEYS.get(self.objective)
        if possible is None:
            raise UnsupportedObjectiveError(
                f"Objective `{self.objective}` unsupported for selectable inference predictions."
            )
        values = _multiclass(prediction) if isinstance(prediction, list) else self._single(prediction)
        values["labels"] = list(range(self.classes if self.objective.startswith("multi:") else 2))
        return {key: values[key] if key in possible else float("nan") for key in self.selected}

    def _single(self, value: float) -> dict[str, object]:
        label: float = value
        if self.objective == "binary:logistic":
            label = int(value > 0.5)
        elif self.objective == "binary:logitraw":
            label = int(value > 0)
        both = [1.0 - value, value]
        return {
            "predicted_label": label,
            "probability": value,
            "probabilities": both,
            "raw_score": value,
            "raw_scores": both,
            "predicted_score": value,
        }


def _multiclass(values: list[float]) -> dict[str, object]:
    best = max(values)
    return {
        "predicted_label": values.index(best),
        "probability": best,
        "probabilities": values,
        "raw_score": best,
        "raw_scores": values,
    }


def _csv_fields(prediction: Prediction) -> str:
    return ",".join(map(str, prediction)) if isinstance(prediction, list) else str(prediction)


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, list) else str(value)


def _encode_records(records: Sequence[Mapping[str, object]], accept: str) -> str:
    if accept == JSONLINES:
        return "".join(f"{json.dumps(record)}\n" for record in records)
    return json.dumps({"predictions": records})
