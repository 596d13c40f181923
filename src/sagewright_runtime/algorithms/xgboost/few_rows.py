"""Predicting a few rows: the C call under ``Booster.inplace_predict``, without its preparation in Python.

For one row the preparation costs four times the prediction. Here the rows lie in a buffer that the library reads in
place, the arguments of the call are made once, and the library's proxy for a matrix is reused from call to call.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

import numpy as np
import xgboost
from xgboost import core

MOST_ROWS = 64
"""More rows go through xgboost's own Python code, whose share of the time is small then."""
_BUFFER_CELLS = 1 << 18
_CONFIG = {
    "type": 0,  # values, not margins
    "training": False,
    "iteration_begin": 0,
    "iteration_end": 0,  # all trees
    "missing": float("nan"),
    "strict_shape": False,
    "cache_id": 0,
}


class UnsuitableError(Exception):
    """The model cannot be predicted this way, or not with exactly the results of ``Booster.predict``."""


class FewRows:
    """``Booster.predict`` for up to ``most`` dense rows, put into ``rows`` (float32, (most, features)) beforehand.

    For one thread, and for the lifetime of the process: it frees nothing of the library's. The constructor raises
    ``UnsuitableError`` unless its results are exactly those of ``Booster.predict``.
    """

    def __init__(self, booster: xgboost.Booster, rows: Any) -> None:
        self.rows = rows
        self.most = len(rows)
        self._booster = booster  # owns the handle
        self._handle = booster.handle
        self._call = core._LIB.XGBoosterPredictFromDense
        self._config = json.dumps(_CONFIG).encode()
        self._layouts: list[bytes] = [self._layout(count) for count in range(self.most + 1)]
        self._matrix = ctypes.c_void_p()
        self._output = ctypes.POINTER(ctypes.c_float)()
        shape, dimensions = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
        self._results = (ctypes.byref(shape), ctypes.byref(dimensions), ctypes.byref(self._output))
        self._width = 1
        """Numbers a row; 1 is a plain number."""
        if core._LIB.XGProxyDMatrixCreate(ctypes.byref(self._matrix)):
            raise UnsuitableError(_last_error())
        self._check(shape, dimensions)

    def predict(self, count: int) -> list[Any]:
        """A prediction for each of the first ``count`` rows. Raises ``ValueError`` with what the library says."""
        if self._call(self._handle, self._layouts[count], self._config, self._matrix, *self._results):
            raise ValueError(_last_error())
        width = self._width
        if width == 1:
            return [self._output[0]] if count == 1 else self._output[:count]
        values = self._output[: count * width]
        return [values[start : start + width] for start in range(0, count * width, width)]

    def _layout(self, count: int) -> bytes:
        """``rows[:count]`` by NumPy's array interface, as the library takes it."""
        shape = [count, self.rows.shape[1]]
        interface = {"data": [self.rows.ctypes.data, True], "shape": shape, "typestr": "<f4", "version": 3}
        return json.dumps(interface).encode()

    def _check(self, shape: Any, dimensions: Any) -> None:
        """Compare with ``Booster.predict`` on random rows, of which some values are missing."""
        kind = json.loads(self._booster.save_config())["learner"]["gradient_booster"]["name"]
        if kind != "gbtree":  # DART sums in another order in place, which only some rows show
            raise UnsuitableError(f"{kind} is not gbtree")
        random = np.random.default_rng(0)
        for count in sorted({1, min(3, self.most), self.most}):
            rows = random.normal(scale=2.0 ** random.integers(-4, 8), size=(count, self.rows.shape[1]))
            rows[random.random(rows.shape) < 0.1] = np.nan
            self.rows[:count] = rows
            matrix = xgboost.DMatrix(self.rows[:count], nthread=1)
            expected = self._booster.predict(matrix, validate_features=False)
            try:
                self.predict(count)
                actual = np.ctypeslib.as_array(self._output, shape=tuple(shape[: dimensions.value]))
            except (ValueError, ctypes.ArgumentError) as error:
                raise UnsuitableError(str(error)) from error
            if (
                expected.dtype != np.float32
                or expected.ndim > 2
                or not np.array_equal(actual, expected, equal_nan=True)
            ):
                raise UnsuitableError("its predictions are not those of Booster.predict")
            self._width = expected.shape[1] if expected.ndim == 2 else 1


def few_rows(boosters: Any) -> list[FewRows]:
    """One for each booster, all with one buffer of rows; none when one of the boosters is not suitable."""
    features = int(boosters[0].num_features())
    most = min(MOST_ROWS, _BUFFER_CELLS // max(features, 1))
    if most < 1 or features < 1:
        return []
    rows = np.zeros((most, features), dtype=np.float32)
    try:
        return [FewRows(booster, rows) for booster in boosters]
    except (UnsuitableError, AttributeError, xgboost.core.XGBoostError) as error:
        reason = str(error).partition("Stack trace:")[0].strip()
        print(f"Few rows are predicted as many are: {reason}", file=sys.stderr, flush=True)
        return []


def _last_error() -> str:
    return str(core._LIB.XGBGetLastError().decode())
