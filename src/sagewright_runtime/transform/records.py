"""A file's records: cut into payloads for the model, and joined with what the model answered.

A record keeps the line break it came with, as in SageMaker. Lines of white space alone are no records.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import IO, Any, NamedTuple

from sagewright_runtime.shared.json_paths import Path

LONGEST = 128 << 20
"""The most bytes of a record; the largest payload, with MaxPayloadInMB 100, is smaller."""


class RecordError(ValueError):
    """A record cannot be transformed; the message says why, without naming the record."""


class Record(NamedTuple):
    """One record: the number of its line (0 for a whole file), its bytes, and the bytes that the model gets of it."""

    line: int
    data: bytes
    model_input: bytes


@dataclass(frozen=True)
class Processing:
    """DataProcessing of a transform job: what the model gets of a record, and what is written of its answer."""

    input_filter: Path | None
    output_filter: Path | None
    join: bool
    content_type: str
    accept: str

    @property
    def by_record(self) -> bool:
        """Whether each record needs an answer of its own."""
        return self.join or self.output_filter is not None

    def model_input(self, data: bytes) -> bytes:
        """The bytes that the model gets of a record. Raises ``ValueError`` when it or the filter does not fit."""
        if self.input_filter is None:
            return data
        return _write(self.input_filter.of(_read(data, self.content_type)), self.content_type)

    def output_of(self, record: Record, answer: bytes) -> bytes:
        """The bytes to write for a record. Raises ``ValueError``."""
        if not self.by_record:
            return answer
        kind = self.accept or self.content_type
        value = _read(answer, kind)
        if self.join:
            value = _join(_read(record.data, self.content_type), value)
        return _write(self.output_filter.of(value) if self.output_filter else value, kind)


def _is_csv(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() in ("text/csv", "csv")


def _read(data: bytes, content_type: str) -> Any:
    text = data.decode()
    return next(csv.reader(io.StringIO(text)), []) if _is_csv(content_type) else json.loads(text)


def _write(value: Any, content_type: str) -> bytes:
    if not _is_csv(content_type):
        return json.dumps(value).encode()
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(value if isinstance(value, list) else [value])
    return line.getvalue().encode()


def _join(record: Any, answer: Any) -> Any:
    """CSV appends columns; an object gets one more member; anything else becomes a member itself."""
    if isinstance(record, list) and isinstance(answer, list) and all(isinstance(field, str) for field in record):
        return record + answer
    return {**(record if isinstance(record, dict) else {"SageMakerInput": record}), "SageMakerOutput": answer}


def cut(file: IO[bytes], by_line: bool) -> Iterator[tuple[int, bytes]]:
    """The records of a file with their line numbers, or the file as one record of line 0.

    Of a record longer than ``LONGEST`` no more is read than shows that it is too long: a small compressed file may
    hold an endless record.
    """
    if not by_line:
        yield 0, file.read(LONGEST + 1)
        return
    for number in count(1):
        line = file.readline(LONGEST + 1)
        if line.strip() or len(line) > LONGEST:
            yield number, line
        if not line:
            return


def batches(records: Iterable[Record], most: int, single: bool) -> Iterator[list[Record]]:
    """Records in payloads of at most ``most`` bytes. Raises ``RecordError`` for a record that is larger."""
    batch: list[Record] = []
    size = 0
    for record in records:
        if batch and (single or size + len(record.model_input) > most):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record.model_input)
    if batch:
        yield batch


def payload(batch: list[Record]) -> bytes:
    """The payload of a batch: a record without a line break gets one when another follows."""
    last = len(batch) - 1
    return b"".join(
        record.model_input if index == last or record.model_input.endswith(b"\n") else record.model_input + b"\n"
        for index, record in enumerate(batch)
    )


def answers_of(batch: list[Record], body: bytes) -> list[bytes]:
    """The answer of each record of a batch. Raises ``RecordError`` when they cannot be told apart."""
    if len(batch) == 1:
        return [body]
    lines = [line for line in body.splitlines(keepends=True) if line.strip()]
    if len(lines) != len(batch):
        raise RecordError(
            f"the model answered {len(batch)} records with {len(lines)} lines; JoinSource and OutputFilter need one "
            "for each: use BatchStrategy SingleRecord"
        )
    return lines
