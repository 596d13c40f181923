"""Request bodies of the XGBoost built-in as matrices, where a value that is absent is NaN (missing to XGBoost)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from sagewright_runtime.serving import codecs

CSV, LIBSVM, PARQUET, RECORDIO = "csv", "libsvm", "parquet", "recordio-protobuf"

MEDIA_TYPES = {
    "csv": CSV,
    "text/csv": CSV,
    "libsvm": LIBSVM,
    "text/libsvm": LIBSVM,
    "text/x-libsvm": LIBSVM,
    "parquet": PARQUET,
    "application/x-parquet": PARQUET,
    "recordio-protobuf": RECORDIO,
    "application/x-recordio-protobuf": RECORDIO,
}

_INDEX = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(
    r"[-+]?(?:[0-9]+\.?[0-9]*(?:e[-+]?[0-9]+)?|\.[0-9]+(?:e[-+]?[0-9]+)?|nan|inf(?:inity)?)", re.IGNORECASE
)
_MOST_DENSE = 1 << 22  # cells; wider libsvm data stays sparse, since a few bytes of it may name millions of columns


class UnsupportedBodyError(ValueError):
    """The body is of no accepted type, or not what its type says; answered with status 415."""


def parse(body: bytes, content_type: str, features: int) -> Any:
    """``body`` as a float matrix of shape (rows, columns), dense or CSR. ``features`` is the model's column count.

    Raises ``UnsupportedBodyError``. Content types and wording after aws/sagemaker-xgboost-container.
    """
    name = content_type.partition(";")[0].strip().lower() or LIBSVM
    kind = MEDIA_TYPES.get(name)
    if kind is None:
        accepted = ", ".join(MEDIA_TYPES)
        raise UnsupportedBodyError(f"{content_type} is not an accepted ContentType: {accepted}.")
    try:
        if kind == CSV:
            return codecs.parse_csv(body.decode())
        if kind == LIBSVM:
            return parse_libsvm(body.decode(), features)
    except (ValueError, OverflowError) as error:
        raise UnsupportedBodyError(
            f"Loading {kind} data failed with Exception, please ensure data is in {kind} format:\n"
            f" {type(error)}\n {error}"
        ) from error
    raise UnsupportedBodyError(f"Content-type {content_type} is not supported.")


def parse_libsvm(text: str, features: int | None = None) -> Any:
    """``label index:value …`` lines as a matrix of at least ``features`` columns; the label may be absent.

    Indices count from 0, as XGBoost's own reader of training files takes them. Where an index lies beyond the model
    and none is 0, they count from 1. Raises ``ValueError`` for a word that is not ``index:value``, and for a text
    without any: XGBoost would predict rows of missing values.
    """
    rows, columns, values = [], [], []
    lines = text.strip().split("\n")
    for row, line in enumerate(lines):
        for place, token in enumerate(line.partition("#")[0].split()):
            index, colon, value = token.partition(":")
            if index == "qid" or (place == 0 and not colon and _NUMBER.fullmatch(token)):
                continue
            if not (_INDEX.fullmatch(index) and _NUMBER.fullmatch(value)):
                raise ValueError(f"line {row + 1}: {token[:50]!r} is not index:value")
            rows.append(row)
            columns.append(int(index))
            values.append(float(value))
    if not columns:
        raise ValueError("there is no feature in it")
    if min(columns) < 0:
        raise ValueError(f"a feature index is negative: {min(columns)}")
    if features is not None and min(columns) >= 1 and max(columns) >= features:
        columns = [column - 1 for column in columns]
    width = max(features or 0, max(columns) + 1)
    if len(lines) * width > _MOST_DENSE:
        from scipy.sparse import csr_matrix  # noqa: PLC0415 (rare)

        return csr_matrix((np.array(values, dtype=np.float32), (rows, columns)), shape=(len(lines), width))
    matrix = np.full((len(lines), width), np.nan)
    matrix[rows, columns] = values
    return matrix
