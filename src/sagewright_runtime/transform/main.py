"""The ``transform`` program: start the model server, send it every record of every input file, write the answers.

It runs in the sandbox beside the model server, as one job: limits, logs, stops and restarts of the server are as for
any job. A file's answers get its name when the last of them is written, so that every output is complete however the
job ends. A file with a record that fails has no output; the error names the file and the line, and the other files are
transformed.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from sagewright_runtime.agent import digest
from sagewright_runtime.shared import frames
from sagewright_runtime.shared import json_paths as paths
from sagewright_runtime.transform.client import Answer, Client, ServerGone
from sagewright_runtime.transform.records import (
    LONGEST,
    Processing,
    Record,
    RecordError,
    answers_of,
    batches,
    cut,
    payload,
)

CONFIG = "input/config/transform.json"
_LOOK_SECONDS = 0.02
_STARTUP_SECONDS = 600
_END_SECONDS = 1.0
_NAMED_FILES = 5
_ALWAYS = 100 << 20
"""Bytes of a payload when the job sets no limit."""


class FileFailed(Exception):
    """A file could not be transformed: the message names it and, where there is one, the line."""


class Transform:
    """One job's settings (the document that the server wrote) and its model server."""

    def __init__(self, settings: Mapping[str, Any], client: Client, base: Path) -> None:
        self._settings = settings
        self._client = client
        self._base = base / "transform"
        self._most = settings["max_payload_bytes"] or _ALWAYS
        self._processing = Processing(
            paths.Path(settings["input_filter"]) if settings["input_filter"] not in ("", "$") else None,
            paths.Path(settings["output_filter"]) if settings["output_filter"] not in ("", "$") else None,
            settings["join"],
            settings["content_type"],
            settings["accept"],
        )

    def files(self) -> list[str]:
        """The names of the input files, in order."""
        root = self._base / "input"
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    def transform(self, name: str) -> int:
        """Transform one file; returns the number of its records. Raises ``FileFailed`` and ``ServerGone``."""
        partial = self._base / "partial"
        try:
            with self._open(name) as source, partial.open("wb") as target:
                count = self._pass(source, target)
        except _RecordsFailed as failure:
            raise FileFailed(f"{name}{failure.lines}: {failure}") from None
        except (OSError, EOFError, zlib.error) as error:
            raise FileFailed(f"{name}: {error}") from None
        output = self._base / "output" / f"{name}.out"
        output.parent.mkdir(parents=True, exist_ok=True)
        partial.rename(output)
        return count

    def _pass(self, source: IO[bytes], target: IO[bytes]) -> int:
        single = self._settings["strategy"] == "SingleRecord"
        payloads = ((batch, payload(batch)) for batch in batches(self._records(source), self._most, single))
        count = 0
        with contextlib.closing(self._client.ask(payloads)) as answers:
            for answer in answers:
                if not 200 <= answer.status < 300:
                    break
                self._write(answer, target)
                count += len(answer.question)
            else:
                return count
        raise self._failing_records(answer)

    def _open(self, name: str) -> IO[bytes]:
        path = self._base / "input" / name
        return gzip.open(path) if self._settings["gzip"] else path.open("rb")  # type: ignore[return-value]

    def _records(self, source: IO[bytes]) -> Iterator[Record]:
        for line, data in cut(source, self._settings["split"] == "Line"):
            if len(data) > LONGEST:
                raise _RecordsFailed([Record(line, b"", b"")], f"longer than {LONGEST} bytes, unpacked")
            try:
                record = Record(line, data, self._processing.model_input(data))
            except ValueError as error:
                raise _RecordsFailed([Record(line, data, b"")], f"InputFilter: {error}") from None
            if len(record.model_input) > self._most:
                size = f"{len(record.model_input)} bytes are more than MaxPayloadInMB allows ({self._most} bytes)"
                hint = "" if line else "; SplitType Line sends the file in parts"
                raise _RecordsFailed([record], size + hint)
            yield record

    def _write(self, reply: Answer[list[Record]], target: IO[bytes]) -> None:
        batch = reply.question
        if not self._processing.by_record:
            self._keep(reply.body, target)
            return
        try:
            answers = answers_of(batch, reply.body)
        except RecordError as error:
            raise _RecordsFailed(batch, str(error)) from None
        for record, answer in zip(batch, answers):
            try:
                output = self._processing.output_of(record, answer)
            except ValueError as error:
                raise _RecordsFailed([record], f"the answer {answer[:80]!r}: {error}") from None
            self._keep(output, target)

    def _keep(self, answer: bytes, target: IO[bytes]) -> None:
        target.write(answer)
        if self._settings["assemble"] == "Line" and answer and not answer.endswith(b"\n"):
            target.write(b"\n")

    def _failing_records(self, failed: Answer[list[Record]]) -> _RecordsFailed:
        """The record of a failed batch that fails alone, found by bisection, with the model's answer to it."""
        while len(failed.question) > 1:
            half = len(failed.question) // 2
            parts = (failed.question[:half], failed.question[half:])
            answers = [each for part in parts for each in self._client.ask([(part, payload(part))])]
            failing = next((each for each in answers if not 200 <= each.status < 300), None)
            if failing is None:
                break  # they fail only together
            failed = failing
        return _RecordsFailed(failed.question, f"the model answered {failed.status}: {_error_line(failed.body)}")


class _RecordsFailed(Exception):
    """The model or its answer fails for these records."""

    def __init__(self, records: list[Record], reason: str) -> None:
        super().__init__(reason)
        self.lines = _line_numbers(records)


def _line_numbers(records: list[Record]) -> str:
    if not records or not records[0].line:
        return ""
    first, last = records[0].line, records[-1].line
    return f" line {first}" if first == last else f" lines {first} to {last}"


def _error_line(body: bytes) -> str:
    """A model's error in one line: the line of the user's code in a traceback, else the last line."""
    lines = body.decode(errors="replace").splitlines() or ["nothing"]
    return digest.explain(1, lines).replace("exited with code 1: ", "", 1)


@contextlib.contextmanager
def serving(directory: str) -> Iterator[subprocess.Popen[bytes]]:
    """A model server with its socket in ``directory``, ended afterwards."""
    server = subprocess.Popen(["serve"], env={**os.environ, "SAGEWRIGHT_RUN_DIR": directory})
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await(client: Client, server: subprocess.Popen[bytes]) -> None:
    """Wait until the model is loaded. Raises ``ServerGone``."""
    deadline = time.monotonic() + _STARTUP_SECONDS
    while not client.ready():
        if server.poll() is not None:
            raise ServerGone("the model server ended before the model was loaded")
        if time.monotonic() > deadline:
            raise ServerGone(f"the model was not loaded within {_STARTUP_SECONDS} seconds")
        time.sleep(_LOOK_SECONDS)


def transform_all(job: Transform, names: Iterable[str]) -> list[str]:
    """Transform the files; returns what went wrong, one line for each file that failed. Raises ``ServerGone``."""
    failures = []
    for name in names:
        try:
            count = job.transform(name)
        except FileFailed as failure:
            failures.append(str(failure))
            print(f"[transform] {failure}", file=sys.stderr, flush=True)
        except ServerGone as ended:
            raise ServerGone(f"{name}: {ended}") from None
        else:
            print(f"[transform] {name}: {count} records", flush=True)
    return failures


def main() -> int:
    """Run the transform job described in ``/opt/ml/input/config/transform.json``; the exit code of the process."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    settings = json.loads((base / CONFIG).read_text("utf-8"))
    headers = {frames.CONTENT_TYPE: settings["content_type"], frames.ACCEPT: settings["accept"]}
    with tempfile.TemporaryDirectory() as directory, serving(directory) as server:
        client = Client(
            Path(directory) / "serve.sock",
            {name: value for name, value in headers.items() if value},
            settings["timeout_seconds"],
        )
        try:
            _await(client, server)
            job = Transform(settings, client, base)
            failures = transform_all(job, job.files())
        except ServerGone as ended:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return _failed(base, f"{ended} (exit code {server.wait(_END_SECONDS)})")
            return _failed(base, str(ended))
    if not failures:
        return 0
    more = f"\nand {len(failures) - _NAMED_FILES} more files" if len(failures) > _NAMED_FILES else ""
    return _failed(base, "\n".join(failures[:_NAMED_FILES]) + more)


def _failed(base: Path, reason: str) -> int:
    output = base / "output"
    output.mkdir(exist_ok=True)
    (output / "failure").write_text(reason, "utf-8", errors="replace")
    return 1
