"""XGBoost as SageMaker's built-in algorithm: channels in, ``xgboost-model`` out.

https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html. What it trains equals ``xgboost.train`` called with the
same parameters on the same rows.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any, Dict, List

# Threads that wait by spinning take the cores from those that work when jobs share a machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import xgboost

from sagewright_runtime.algorithms.xgboost import data, hyperparameters, metrics, releases
from sagewright_runtime.training.environment import Training
from sagewright_runtime.training.failures import ClientError

MODEL = "xgboost-model"
_CHECKPOINT = "xgboost-checkpoint"
_CHECKPOINTS_KEPT = 5
_CHANNELS = ("train", "validation", "code")
_ONLY_OURS = (
    "_tuning_objective_metric", "_num_cv_round", "csv_weights", "dsplit", "early_stopping_rounds", "eval_metric",
    "num_round", "save_model_on_termination", "use_dask_gpu_training",
)  # fmt: skip
_STANDS_FOR, _TAKE_SILENT = "SAGEWRIGHT_STANDS_FOR", ("0.90-1", "1.0-1")
"""The image that a newer one stands in for. The first two take `silent`, which has no effect."""
EvalLog = Dict[str, Dict[str, List[float]]]


def train(training: Training) -> None:
    """Train on the job's channels and save the model. Raises ``ClientError`` for what the user can mend."""
    values = hyperparameters.validate(_texts(training))
    matrices = _matrices(training, weighted=bool(values.get("csv_weights")))
    for name, matrix in matrices.items():
        print(f"[INFO] {name} matrix has {matrix.num_row()} rows and {matrix.num_col()} columns", flush=True)
    _check_labels(matrices, values)
    stop = _Stop(enabled=values.get("save_model_on_termination") == "true")
    checkpoints = _Checkpoints(training.checkpoints())
    booster = _boost(values, matrices, checkpoints, [stop, checkpoints])
    Path(training.model_dir).mkdir(parents=True, exist_ok=True)
    releases.save(booster, Path(training.model_dir, MODEL))


def _texts(training: Training) -> dict[str, str]:
    """Hyperparameters as the user wrote them; SDKs put some in JSON quotes. Those of the platform are not ours."""
    texts = {}
    for name, text in training.raw_hyperparameters.items():
        if name == "silent" and (releases.VERSION < (1, 2) or training.environ.get(_STANDS_FOR) in _TAKE_SILENT):
            continue
        if not name.startswith("sagemaker_"):
            texts[name] = json.loads(text) if re.fullmatch(r'"[^"\\]*"', text) else text
    return texts


def _matrices(training: Training, weighted: bool) -> dict[str, xgboost.DMatrix]:
    if len(training.hosts) > 1:
        raise ClientError("Distributed XGBoost training is not supported yet: set InstanceCount to 1.")
    for channel in training.channels:
        if channel not in _CHANNELS:
            raise ClientError(f"Extraneous channel found: {channel}")
    if "train" not in training.channels:
        raise ClientError("Missing required channel: train")
    return {
        channel: data.load(channel, training.channel_dir(channel), training.channels[channel], weighted)
        for channel in ("train", "validation")
        if channel in training.channels
    }


def _check_labels(matrices: dict[str, xgboost.DMatrix], values: dict[str, Any]) -> None:
    """Check the labels. XGBoost would complain later, and less clearly."""
    objective = values.get("objective", hyperparameters.DEFAULT_OBJECTIVE)
    for name, matrix in matrices.items():
        labels = matrix.get_label()
        if objective.startswith(("binary:", "reg:logistic")) and not ((labels >= 0) & (labels <= 1)).all():
            raise ClientError(f"Channel {name}: label must be in [0,1] for logistic regression.")
        if objective.startswith("multi:") and not ((labels >= 0) & (labels < values["num_class"])).all():
            raise ClientError(f"Channel {name}: label must be in [0, num_class), num_class is {values['num_class']}.")
        if objective in ("count:poisson", "reg:tweedie") and not (labels >= 0).all():
            raise ClientError(f"Channel {name}: label must be nonnegative for {objective}.")


def _boost(
    values: dict[str, Any],
    matrices: dict[str, xgboost.DMatrix],
    checkpoints: _Checkpoints,
    callbacks: list[Any],
) -> xgboost.Booster:
    objective = values.get("objective", hyperparameters.DEFAULT_OBJECTIVE)
    metric_names: list[str] = list(values.get("eval_metric", ()))
    tuned = values.get("_tuning_objective_metric", "").rpartition(":")[2]
    if tuned and tuned not in metric_names:
        metrics.check(tuned, objective)
        metric_names.append(tuned)
    own = [name for name in metric_names if name not in metrics.ADDED]
    added = [name for name in metric_names if name in metrics.ADDED]
    parameters = {name: _plain(value) for name, value in values.items() if name not in _ONLY_OURS}
    if metric_names:
        parameters.update({"eval_metric": own} if own else {"disable_default_eval_metric": 1})
    rounds = values["num_round"] - checkpoints.rounds_done
    if rounds <= 0 and checkpoints.model is not None:
        return checkpoints.model
    callbacks = [_Monitor(checkpoints.rounds_done), *callbacks]
    patience = values.get("early_stopping_rounds")
    if patience:
        callbacks += _early_stopping(
            patience, tuned or (metric_names[-1] if metric_names else ""), "validation" in matrices
        )
    try:
        return releases.train(
            parameters,
            matrices["train"],
            callbacks,
            metrics.evaluation(added, objective) if added else None,
            num_boost_round=rounds,
            evals=[(matrix, name) for name, matrix in matrices.items()],
            xgb_model=checkpoints.model,
        )
    except xgboost.core.XGBoostError as error:
        # The parameters and the data do not suit each other; the rest of the message is a stack of C++.
        text = str(error).partition("Stack trace:")[0].strip()
        raise ClientError(f"XGB train call failed with exception:\n{text}") from None


def _plain(value: Any) -> Any:
    """A value in the form in which XGBoost takes it."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        return ",".join(value)
    return str(value) if isinstance(value, (list, tuple)) else value


def _early_stopping(patience: int, metric: str, validated: bool) -> list[Any]:
    if not validated:
        print("[WARNING] early_stopping_rounds has no effect: there is no validation channel", flush=True)
        return []
    # None is XGBoost's own choice: the objective's metric, and which way it improves.
    larger = metric.partition("@")[0] in metrics.LARGER_IS_BETTER if metric else None
    return [releases.early_stopping(patience, metric, larger)]


class _Monitor(releases.TrainingCallback):  # type: ignore[misc]
    """Prints ``[0]#011train-error:0.07715#011validation-error:0.09910``: a tab shows as #011 in CloudWatch."""

    def __init__(self, rounds_done: int) -> None:
        super().__init__()
        self._rounds_done = rounds_done

    def after_iteration(self, _model: xgboost.Booster, epoch: int, evals_log: EvalLog) -> bool:
        scores = "".join(
            f"#011{data_name}-{metric}:{log[-1]:.5f}"
            for data_name, logs in evals_log.items()
            for metric, log in logs.items()
        )
        sys.stdout.write(f"[{self._rounds_done + epoch}]{scores}\n")
        sys.stdout.flush()
        return False


class _Stop(releases.TrainingCallback):  # type: ignore[misc]
    """SIGTERM ends the training after the current round, so that the model until there is saved."""

    def __init__(self, enabled: bool) -> None:
        super().__init__()
        self._requested = False
        if enabled:
            signal.signal(signal.SIGTERM, lambda _number, _frame: setattr(self, "_requested", True))

    def after_iteration(self, *_: object) -> bool:
        if self._requested:
            print("[INFO] Stopped by SIGTERM: saving the model as it is", flush=True)
        return self._requested


class _Checkpoints(releases.TrainingCallback):  # type: ignore[misc]
    """``xgboost-checkpoint.<round>`` after each round, the last few kept; a restarted job goes on from the latest."""

    def __init__(self, directory: str | None) -> None:
        super().__init__()
        self._directory = Path(directory) if directory else None
        self.model: xgboost.Booster | None = None
        self.rounds_done = 0
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._restore(self._directory)

    def after_iteration(self, model: xgboost.Booster, epoch: int, _: object) -> bool:
        if self._directory is None:
            return False
        number = self.rounds_done + epoch
        unfinished = self._directory / f"{_CHECKPOINT}.{number}.sagemaker-ignore"  # a name that is not uploaded
        releases.save_library_file(model, unfinished)
        unfinished.rename(self._directory / f"{_CHECKPOINT}.{number}")
        (self._directory / f"{_CHECKPOINT}.{number - _CHECKPOINTS_KEPT}").unlink(missing_ok=True)
        return False

    def _restore(self, directory: Path) -> None:
        checkpoints = {
            int(file.suffix[1:]): file for file in directory.glob(f"{_CHECKPOINT}.*") if file.suffix[1:].isdigit()
        }
        if not checkpoints:
            return
        number = max(checkpoints)
        self.model = releases.load(checkpoints[number].read_bytes())
        self.rounds_done = number + 1
        print(
            f"[INFO] Checkpoint loaded from {checkpoints[number]}, resuming from round {self.rounds_done}", flush=True
        )
