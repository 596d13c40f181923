"""Request bodies to numpy arrays and back, as the SageMaker inference toolkit's decoders and encoders do it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np

JSON, CSV, NPY, NPZ = "application/json", "text/csv", "application/x-npy", "application/x-npz"
UTF8_TYPES = frozenset((JSON, CSV))
"""Types whose bodies reach the user's ``input_fn`` as ``str``."""
_TRUTHS = {"true": 1.0, "false": 0.0}
"""The dummy columns that newer releases of pandas write."""


class UnsupportedFormatError(Exception):
    """No decoder or encoder for a media type; answered with status 415."""

    status_code = 415

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"Content type {content_type} is not supported by this framework. Please implement input_fn to "
            "deserialize the request data or an output_fn to serialize the response."
        )


def media_type(header: str) -> str:
    """A Content-Type or Accept header without its parameters; of several alternatives, the first."""
    return header.partition(";")[0].partition(",")[0].strip().lower()


def parse_csv(text: str) -> Any:
    """CSV without a header as a float64 matrix; an empty field is NaN, and ``True`` and ``False`` are 1 and 0.

    The delimiter is found in the first line.

    Raises ``ValueError`` for words and for rows of different lengths.
    """
    text = text.strip()
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in ",\t;| " if mark in first), ",")
    # What numpy's C parser takes whole is the rule; it stops at empty fields, and does not see where lines end.
    columns = first.count(delimiter) + 1
    lines = text.count("\n") + 1
    try:
        values = np.fromstring(text.replace("\n", delimiter) if lines > 1 else text, sep=delimiter)
    except ValueError:
        return _parse_fields(text, delimiter)
    uneven = lines > 1 and any(line.count(delimiter) != columns - 1 for line in text.split("\n"))
    if uneven or values.size != lines * columns:
        return _parse_fields(text, delimiter)
    return values.reshape(lines, columns)


def _parse_fields(text: str, delimiter: str) -> Any:
    rows = [[_parse_field(field.strip()) for field in line.split(delimiter)] for line in text.split("\n")]
    return np.array(rows, dtype=np.float64)


def _parse_field(field: str) -> float:
    truth = _TRUTHS.get(field.lower())
    return float(field or "nan") if truth is None else truth


def _decode_csv(body: str | bytes) -> Any:
    text = body.decode() if isinstance(body, bytes) else body
    return np.genfromtxt(io.StringIO(text), dtype=None, delimiter=",", encoding=None)


def _decode_npy(body: str | bytes) -> Any:
    # The toolkit allows pickled objects here. A pickle is a program, and a caller who may ask for a prediction must not
    # thereby run programs with the model's rights; arrays of numbers and of strings need none.
    return np.load(io.BytesIO(_as_bytes(body)), allow_pickle=False)


def _decode_npz(body: str | bytes) -> Any:
    import scipy.sparse  # noqa: PLC0415 (only this type needs it)

    return scipy.sparse.load_npz(io.BytesIO(_as_bytes(body)))


def _as_bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


def _encode_json(value: Any) -> str:
    def default(item: Any) -> Any:
        if hasattr(item, "tolist"):
            return item.tolist()
        raise TypeError(f"{type(item).__name__} is not JSON serializable")

    return json.dumps(value, default=default)


def _encode_csv(value: Any) -> str:
    stream = io.StringIO()
    np.savetxt(stream, value, delimiter=",", fmt="%s")
    return stream.getvalue()


def _encode_npy(value: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, value, allow_pickle=False)
    return stream.getvalue()


_DECODERS: dict[str, Callable[[str | bytes], Any]] = {
    JSON: lambda body: np.array(json.loads(body)),
    CSV: _decode_csv,
    NPY: _decode_npy,
    NPZ: _decode_npz,
}
_ENCODERS: dict[str, Callable[[Any], str | bytes]] = {JSON: _encode_json, CSV: _encode_csv, NPY: _encode_npy}


def decode(body: str | bytes, content_type: str) -> Any:
    """A body as an array (a sparse matrix for npz). Raises ``UnsupportedFormatError``, or what the parser raises."""
    decoder = _DECODERS.get(media_type(content_type))
    if decoder is None:
        raise UnsupportedFormatError(content_type)
    return decoder(body)


def encode(value: Any, accept: str) -> str | bytes:
    """An array-like as a body. Raises ``UnsupportedFormatError``."""
    encoder = _ENCODERS.get(media_type(accept))
    if encoder is None:
        raise UnsupportedFormatError(accept)
    return encoder(value)
