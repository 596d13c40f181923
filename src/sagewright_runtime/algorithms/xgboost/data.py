"""Channels become matrices: CSV, libsvm and Parquet files below a channel's directory.

https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html#InputOutput-XGBoost
"""

from __future__ import annotations

import csv
import os
import re
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost

from sagewright_runtime.training.failures import ClientError

_FORMATS = {
    "csv": "csv",
    "text/csv": "csv",
    "libsvm": "libsvm",
    "text/libsvm": "libsvm",
    "text/x-libsvm": "libsvm",
    "parquet": "parquet",
    "application/x-parquet": "parquet",
    "recordio-protobuf": "recordio",
    "application/x-recordio-protobuf": "recordio",
}
_DEFAULT_CONTENT_TYPE = "text/libsvm"
_DEPTH = 3
_DELIMITERS = ",;\t| "
_NUMBER = rb"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|(?i:nan|inf(?:inity)?))"
_LIBSVM = re.compile(
    rb"\s*" + _NUMBER + rb"(?P<weight>:" + _NUMBER + rb")?(?:[ \t]+qid:\d+)?(?:[ \t]+\d+:" + _NUMBER + rb")*\s*(?:#.*)?"
)


def format_of(content_type: str | None) -> str:
    """``csv``, ``libsvm`` or ``parquet`` for a channel's ContentType. Raises ``ClientError``."""
    kind, *parameters = (content_type or _DEFAULT_CONTENT_TYPE).lower().split(";")
    form = _FORMATS.get(kind.strip())
    if form is None:
        raise ClientError(f"{content_type} is not an accepted ContentType: {', '.join(_FORMATS)}.")
    if form == "recordio":
        raise ClientError(f"ContentType {content_type} is not supported yet: use text/csv or text/libsvm.")
    options = dict(parameter.strip().split("=", 1) for parameter in parameters if "=" in parameter)
    if form == "csv" and options.get("label_size", "1").strip() != "1":
        raise ClientError(
            f"{content_type} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"
        )
    return form


def load(channel: str, directory: str, config: Mapping[str, Any], weighted: bool) -> xgboost.DMatrix:
    """The rows of a channel. ``weighted``: the second CSV column is the row's weight.

    Raises ``ClientError`` naming the file and the line that is wrong.
    """
    if config.get("TrainingInputMode", "File") == "Pipe":
        raise ClientError(f"Channel {channel}: Pipe mode is not supported; use input mode File.")
    form = format_of(config.get("ContentType"))
    files = data_files(Path(directory))
    if not files:
        raise ClientError(f"No data in {channel} channel path {directory}")
    return read(files, form, weighted)


def read(files: list[Path], form: str, weighted: bool) -> xgboost.DMatrix:
    """The rows of files of one form, a ``format_of``. Raises ``ClientError`` as ``load``."""
    try:
        return {"csv": _csv, "libsvm": _libsvm, "parquet": _parquet}[form](files, weighted)
    except xgboost.core.XGBoostError as error:
        raise ClientError(f"Failed to load {form} data with exception:\n{error}") from None


def data_files(directory: Path) -> list[Path]:
    """Files of a channel in order of their names, three folders deep; hidden and empty ones are no data."""
    paths = []
    for root, folders, names in os.walk(directory, followlinks=True):
        folders.sort()
        if len(Path(root).relative_to(directory).parts) >= _DEPTH - 1:
            if folders:
                print(f"The depth of folder {directory} exceeds the limit {_DEPTH}: files deeper are not read.")
            folders.clear()
        paths += [Path(root, name) for name in sorted(names) if not name.startswith((".", "_"))]
    return [file for file in paths if file.is_file() and file.stat().st_size > 0]


def _csv(files: list[Path], weighted: bool) -> xgboost.DMatrix:
    tables = [_csv_table(file) for file in files]
    return _matrix(np.concatenate(_require_same_width(tables, files)), weighted)


def _csv_table(file: Path) -> np.ndarray[Any, Any]:
    """Float32 rows of one file; an empty cell is missing (NaN)."""
    delimiter = _delimiter(file)
    options: dict[str, Any] = {
        "sep": delimiter, "header": None, "skipinitialspace": delimiter != " ", "keep_default_na": False,
        "na_values": ["", "nan", "NaN", "NAN"], "dtype": np.float32, "on_bad_lines": "error",
    }  # fmt: skip
    try:
        table = np.ascontiguousarray(pd.read_csv(file, **options).to_numpy())
    except ValueError:  # pandas' parser errors and undecodable bytes are ValueErrors
        _raise_for_bad_cell(file, delimiter)
        raise
    if np.isnan(table[:, -1]).any():  # what a row that is too short looks like
        _raise_for_bad_cell(file, delimiter, only_if_wrong=True)
    return table


def _delimiter(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as lines:
        first = next((line for line in lines if line.strip()), "").strip()
    counts = {delimiter: first.count(delimiter) for delimiter in _DELIMITERS}
    return max(counts, key=lambda delimiter: (counts[delimiter] > 0, delimiter != " ", counts[delimiter]))


def _raise_for_bad_cell(file: Path, delimiter: str, only_if_wrong: bool = False) -> None:
    """Raise a ``ClientError`` that names the cell or the row that the parser could not read."""
    width = 0
    with file.open(encoding="utf-8", errors="replace", newline="") as lines:
        rows = csv.reader(lines, delimiter=delimiter)
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            width = width or len(cells)
            if len(cells) != width:
                raise ClientError(
                    f"CSV file '{file.name}', line {rows.line_num}: {len(cells)} columns, the first line has {width}"
                )
            for column, cell in enumerate(cells, 1):
                if cell.strip() and not _is_number(cell):
                    header = " Training data must have no header line." if rows.line_num == 1 else ""
                    raise ClientError(
                        f"CSV file '{file.name}', line {rows.line_num}, column {column}: {cell[:50]!r} is not a number."
                        + header
                    )
    if not only_if_wrong:
        raise ClientError(f"CSV file '{file.name}' could not be read.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _require_same_width(tables: list[np.ndarray[Any, Any]], files: list[Path]) -> list[np.ndarray[Any, Any]]:
    for table, file in zip(tables, files):
        if table.shape[1] != tables[0].shape[1]:
            raise ClientError(
                f"File '{file.name}' has {table.shape[1]} columns, but '{files[0].name}' has {tables[0].shape[1]}"
            )
    return tables


def _matrix(table: np.ndarray[Any, Any], weighted: bool) -> xgboost.DMatrix:
    """Label first, then the weight if there is one, then the features."""
    start = 2 if weighted else 1
    if table.shape[1] <= start:
        raise ClientError(f"The data has {table.shape[1]} columns: after the label there are no features.")
    if np.isnan(table[:, 0]).any():
        raise ClientError(
            f"Row {int(np.isnan(table[:, 0]).argmax()) + 1} of the data has no label in its first column."
        )
    return xgboost.DMatrix(table[:, start:], label=table[:, 0], weight=table[:, 1] if weighted else None)


def _libsvm(files: list[Path], _weighted: bool) -> xgboost.DMatrix:
    """Checked here, because XGBoost reads a malformed value as zero, and parsed by XGBoost."""
    weights = {_checked_libsvm(file) for file in files}
    if len(weights) > 1:
        raise ClientError("Some libsvm rows have an instance weight (label:weight) and some have none.")
    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        # XGBoost splits the path at ';', '?' and '#', all of which an object's key may have.
        links = [Path(directory, str(index)) for index in range(len(files))]
        for link, file in zip(links, files):
            link.symlink_to(file.resolve())
        warnings.simplefilter("ignore", UserWarning)  # reading text is deprecated; the version is pinned
        return xgboost.DMatrix(f"{';'.join(map(str, links))}?format=libsvm")


def _checked_libsvm(file: Path) -> bool:
    """Whether the rows of the file have weights."""
    weights = set()
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith(b"#"):
                continue
            match = _LIBSVM.fullmatch(line)
            if match is None:
                snippet = line[:50].decode("utf-8", "replace").strip()
                raise ClientError(
                    f"Line {number} '{snippet}...' of file '{file.name}' is not 'LIBSVM' format. "
                    "Please ensure the file is in 'LIBSVM' format."
                )
            weights.add(match["weight"] is not None)
    if len(weights) > 1:
        raise ClientError(f"File '{file.name}': some rows have an instance weight (label:weight) and some have none.")
    return True in weights


def _parquet(files: list[Path], _weighted: bool) -> xgboost.DMatrix:
    try:
        tables = [pd.read_parquet(file).to_numpy(np.float32) for file in files]
    except ImportError:
        raise ClientError(
            "Parquet needs pyarrow, which this environment does not have: use text/csv or text/libsvm."
        ) from None
    except (ValueError, TypeError, OSError) as error:
        raise ClientError(f"Failed to load parquet data with exception:\n{error}") from None
    return _matrix(np.concatenate(_require_same_width(tables, files)), weighted=False)
