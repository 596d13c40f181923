"""The differences between releases of XGBoost from 0.90 on that matter to the algorithm."""

from __future__ import annotations

import json
import pickle
import struct
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import xgboost

VERSION = tuple(int(part) for part in xgboost.__version__.split(".")[:2])
HAS_CALLBACKS = VERSION >= (1, 3)
"""Callbacks are objects; before they were functions."""
PREDICTS_IN_PLACE = VERSION >= (1, 4)
HAS_FEW_ROWS = VERSION >= (1, 7)
_TAKES_BYTES = VERSION >= (1, 1)
_PARAMETERS = struct.Struct("<fIi124x")
"""How a model file of the old binary format begins: base score, features, classes."""

TrainingCallback: Any = xgboost.callback.TrainingCallback if HAS_CALLBACKS else object


class About(NamedTuple):
    """The facts that a model file states about its model."""

    objective: str
    kind: str
    features: int
    classes: int


def about(booster: xgboost.Booster) -> About:
    """The objective, the kind of booster (``gbtree`` …), the number of features and of classes."""
    if hasattr(booster, "save_config"):
        learner = json.loads(booster.save_config())["learner"]
        model = learner["learner_model_param"]
        features = booster.num_features() if hasattr(booster, "num_features") else model["num_feature"]
        kind = learner["gradient_booster"]["name"]
        return About(learner["objective"]["name"], kind, int(features), int(model.get("num_class", 0)))
    raw = bytes(booster.save_raw())
    _, features, classes = _PARAMETERS.unpack_from(raw)
    objective, end = _text(raw, _PARAMETERS.size)
    return About(objective, _text(raw, end)[0], features, classes)


def _text(raw: bytes, at: int) -> tuple[str, int]:
    """A text behind its length, and where it ends."""
    start = at + 8
    end = start + int.from_bytes(raw[at:start], "little")
    return raw[start:end].decode(), end


def load(content: bytes) -> xgboost.Booster:
    """The model of a file that the library wrote. Raises what the library raises."""
    booster = xgboost.Booster()
    if _TAKES_BYTES:
        booster.load_model(bytearray(content))
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            booster.load_model(file.name)
    return booster


def save(booster: xgboost.Booster, path: Path) -> None:
    """Write the model as the image of this release does: up to tag 1.2-2 as a pickle."""
    if not HAS_CALLBACKS:
        path.write_bytes(pickle.dumps(booster, protocol=4))
        return
    save_library_file(booster, path)


def save_library_file(booster: xgboost.Booster, path: Path) -> None:
    """Write the model in the library's own format."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a name without an ending is the contract's
        booster.save_model(str(path))


def train(
    parameters: dict[str, Any], matrix: xgboost.DMatrix, callbacks: list[Any], metric: Any = None, **more: Any
) -> xgboost.Booster:
    """``xgboost.train`` of a current release, for every release. ``callbacks`` have an ``after_iteration``."""
    if metric is not None:
        more["custom_metric" if VERSION >= (1, 6) else "feval"] = metric
    if not HAS_CALLBACKS:
        callbacks = [_as_function(callback) for callback in callbacks]
    return xgboost.train(parameters, matrix, callbacks=callbacks, verbose_eval=False, **more)


def early_stopping(rounds: int, metric: str, maximize: bool | None) -> Any:
    """A callback that ends the training when ``metric`` (empty: the last one) no longer improves on ``validation``."""
    if HAS_CALLBACKS:
        return xgboost.callback.EarlyStopping(
            rounds=rounds, metric_name=metric or None, data_name="validation", maximize=maximize, save_best=True
        )
    return _EarlyStopping(rounds, metric, bool(maximize))


class _EarlyStopping:
    """For releases whose early stopping takes no metric's name. As there, rounds after the best stay in the model."""

    def __init__(self, rounds: int, metric: str, maximize: bool) -> None:
        self._rounds = rounds
        self._metric = metric
        self._sign = 1 if maximize else -1

    def after_iteration(self, _model: xgboost.Booster, _epoch: int, log: dict[str, dict[str, list[float]]]) -> bool:
        scores = log["validation"]
        values = scores[self._metric or next(reversed(list(scores)))]
        best = max(range(len(values)), key=lambda number: self._sign * values[number])
        return len(values) - 1 - best >= self._rounds


def _as_function(callback: Any) -> Any:
    log: dict[str, dict[str, list[float]]] = {}

    def after(env: Any) -> None:
        for name, value, *_ in env.evaluation_result_list:
            data, _, metric = name.partition("-")
            log.setdefault(data, {}).setdefault(metric, []).append(value)
        if callback.after_iteration(env.model, env.iteration, log):
            raise xgboost.core.EarlyStopException(env.iteration)

    return after
