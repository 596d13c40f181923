"""The model server of the XGBoost built-in algorithm.

Requests that arrive together are predicted together: the rows of all of them make one matrix, and one call answers it.
The numbers are those of ``Booster.predict`` on the same rows, which treats each row alone. Up to 64 rows are predicted
by ``few_rows``, more by ``inplace_predict``.
"""

from __future__ import annotations

import io
import pickle
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# xgboost imports both where they are installed, four fifths of its start; predicting needs neither.
for _name in ("sklearn", "pandas"):
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]

import xgboost  # noqa: E402

from sagewright_runtime.algorithms.xgboost import bodies, releases  # noqa: E402
from sagewright_runtime.algorithms.xgboost.answers import Encoder, UnsupportedAcceptError, UnsupportedObjectiveError  # noqa: E402
from sagewright_runtime.algorithms.xgboost.few_rows import few_rows  # noqa: E402
from sagewright_runtime.serving.server import Answer, Request  # noqa: E402

_PICKLES = (b"\x80", b"c", b"(")
"""How a pickle begins; protocols 0 and 1 have no header."""
_INFINITE = "Input data contains `inf` or a value too large."
np.seterr(over="ignore")  # a value too large for float32 becomes infinite, which is checked for


class ModelLoadError(Exception):
    """The model directory holds nothing that XGBoost can load."""


class BadRowsError(ValueError):
    """The rows do not suit the model; answered with status 400."""


class XGBoostModel:
    """One or several boosters (an ensemble: their mean, or their vote for labels) behind the built-in's contract."""

    inline = True

    def __init__(self, boosters: Sequence[xgboost.Booster], env: Mapping[str, str]) -> None:
        objective, kind, self._features, classes = releases.about(boosters[0])
        self._boosters = boosters
        self._in_place = kind != "gblinear" and releases.PREDICTS_IN_PLACE  # gblinear has no inplace_predict
        self._few = few_rows(boosters) if releases.HAS_FEW_ROWS else []
        self._most = self._few[0].most if self._few else 0
        self._votes = objective in ("multi:softmax", "binary:hinge")
        self._encoder = Encoder.from_env(env, objective, classes)

    @classmethod
    def load(cls, env: Mapping[str, str]) -> XGBoostModel:
        """The model in ``SM_MODEL_DIR``. Raises ``ModelLoadError``."""
        paths = _model_files(Path(env["SM_MODEL_DIR"]))
        if env.get("SAGEMAKER_INFERENCE_ENSEMBLE", "true") != "true":
            paths = paths[:1]
        return cls([_load(path) for path in paths], env)

    def answer(self, requests: Sequence[Request]) -> Sequence[Answer]:
        """204 for no body, 415 for a bad one, 400 where the model refuses, 406 for an Accept we cannot give."""
        answers: dict[int, Answer] = {}
        parsed: list[tuple[int, Any]] = []
        for number, request in enumerate(requests):
            try:
                if request.body:
                    parsed.append((number, self._matrix(request)))
                else:
                    answers[number] = Answer(204, b"")
            except bodies.UnsupportedBodyError as error:
                answers[number] = _refuse(415, str(error))
            except BadRowsError as error:
                answers[number] = _refuse(400, f"Unable to evaluate payload provided: {error}")
        for number, predictions in self._predict(parsed):
            answers[number] = self._encode(requests[number], predictions)
        return [answers[number] for number in range(len(requests))]

    def _matrix(self, request: Request) -> Any:
        """The request's rows with the model's number of columns. Raises ``UnsupportedBodyError``, ``BadRowsError``."""
        matrix = bodies.parse(request.body, request.content_type, self._features)
        missing = self._features - matrix.shape[1]
        if missing < 0:
            raise BadRowsError(f"Feature shape mismatch, expected: {self._features}, got {matrix.shape[1]}")
        if missing:  # to XGBoost a column that is not there is a missing value
            matrix = np.pad(matrix, ((0, 0), (0, missing)), constant_values=np.nan)
        return matrix

    def _predict(self, parsed: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
        """Predictions, or the exception in their place, for each numbered matrix."""
        if len(parsed) == 1:
            return [(parsed[0][0], self._predict_one([parsed[0][1]]))]
        dense = [(number, matrix) for number, matrix in parsed if isinstance(matrix, np.ndarray)]
        sparse = [(number, matrix) for number, matrix in parsed if not isinstance(matrix, np.ndarray)]
        predictions = [(number, self._predict_one([matrix])) for number, matrix in sparse]
        if dense:
            together = self._predict_one([matrix for _, matrix in dense])
            if isinstance(together, Exception):  # one request's rows are wrong: answer each request by itself
                return predictions + [(number, self._predict_one([matrix])) for number, matrix in dense]
            start = 0
            for number, matrix in dense:
                predictions.append((number, together[start : start + len(matrix)]))
                start += len(matrix)
        return predictions

    def _predict_one(self, matrices: Sequence[Any]) -> list[Any] | Exception:
        """A prediction for each row of float matrices (rows, features), of which several are all dense."""
        try:
            count = sum(matrix.shape[0] for matrix in matrices)
            if count <= self._most and isinstance(matrices[0], np.ndarray):
                outputs = self._run_few(matrices, count)
            else:
                outputs = self._run_many(matrices[0] if len(matrices) == 1 else np.concatenate(matrices))
        except Exception as error:  # XGBoost refuses the rows of the request
            return error
        if len(outputs) == 1:
            return outputs[0]
        predictions = _most_common(np.array(outputs)) if self._votes else np.mean(np.array(outputs, np.float32), axis=0)
        return list(predictions.tolist())

    def _run_few(self, matrices: Sequence[Any], count: int) -> list[list[Any]]:
        """What each booster predicts for ``count`` rows in all."""
        rows = self._few[0].rows
        start = 0
        for matrix in matrices:
            rows[start : start + len(matrix)] = matrix
            start += len(matrix)
        if np.count_nonzero(np.isinf(rows[:count])):  # DMatrix refuses them, inplace_predict would not
            raise ValueError(_INFINITE)
        return [few.predict(count) for few in self._few]

    def _run_many(self, matrix: Any) -> list[list[Any]]:
        matrix = matrix.astype(np.float32)
        if np.isinf(matrix if isinstance(matrix, np.ndarray) else matrix.data).any():
            raise ValueError(_INFINITE)
        return [self._run(booster, matrix).tolist() for booster in self._boosters]

    def _run(self, booster: xgboost.Booster, matrix: Any) -> Any:
        if self._in_place:
            return booster.inplace_predict(matrix, validate_features=False)
        return booster.predict(xgboost.DMatrix(matrix, nthread=1), validate_features=False)

    def _encode(self, request: Request, predictions: list[Any] | Exception) -> Answer:
        if isinstance(predictions, Exception):
            traceback.print_exception(type(predictions), predictions, predictions.__traceback__)
            return _refuse(400, f"Unable to evaluate payload provided: {predictions}")
        try:
            accept = self._encoder.accepted(request.accept)
            return Answer(200, self._encoder.encode(predictions, accept), accept)
        except UnsupportedAcceptError as error:
            return _refuse(406, str(error))
        except UnsupportedObjectiveError as error:
            return _refuse(500, str(error))


def _refuse(status: int, message: str) -> Answer:
    print(message, file=sys.stderr, flush=True)
    return Answer(status, message.encode())


def _most_common(votes: Any) -> Any:
    """For each column of (models, rows), the value most models gave, the least of equals."""
    values, indices = np.unique(votes, return_inverse=True)
    counts = np.array([np.bincount(column, minlength=len(values)) for column in indices.reshape(votes.shape).T])
    return values[counts.argmax(axis=1)]


def _model_files(folder: Path) -> list[Path]:
    """The files to load: those named as training writes them, else any; dot files are none."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    models = [path for path in files if path.name.startswith("xgboost-model")] or files
    if not models:
        raise ModelLoadError(f"Unable to load model: no model file in {folder}")
    return models


def _load(path: Path) -> xgboost.Booster:
    content = path.read_bytes()
    try:
        # Older containers pickled the booster.
        booster = _unpickled(content) if content[:1] in _PICKLES else releases.load(content)
        # Requests come many and small: more workers with one thread each serve more than threads in one.
        booster.set_param("nthread", 1)
    except Exception as error:
        reason = str(error).partition("Stack trace:")[0].strip()
        raise ModelLoadError(f"Unable to load model: Model {path} cannot be loaded: {reason}") from error
    return booster


class _State:
    """The state of a Booster in a pickle."""

    handle: bytearray

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _State if (module, name) == ("xgboost.core", "Booster") else super().find_class(module, name)


def _unpickled(content: bytes) -> xgboost.Booster:
    """The Booster of a pickle. One of XGBoost before 1.0 holds a model file; a newer one holds a snapshot.

    Raises ``ValueError`` for another object, and what the library raises.
    """
    state = _Unpickler(io.BytesIO(content)).load()
    if not isinstance(state, _State):
        raise ValueError(f"it is a pickled {type(state).__name__}, not a Booster")
    booster = xgboost.Booster()
    try:
        booster.__setstate__(dict(vars(state)))
    except xgboost.core.XGBoostError as error:
        try:
            return releases.load(bytes(state.handle))
        except xgboost.core.XGBoostError:
            raise ValueError(
                f"XGBoost {xgboost.__version__} does not read this pickle ({_first_line(error)}). "
                "Pickles of XGBoost before 1.0 load in images up to tag 3.0-5."
            ) from error
    return booster


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
