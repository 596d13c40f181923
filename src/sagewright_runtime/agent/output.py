"""What the user's process prints: bytes → lines → the log file, the metrics and the memory of the last lines."""

from __future__ import annotations

import os
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewright_runtime.agent.metrics import Metrics

MAX_LINE_BYTES = 256 * 1024 - 26
"""The largest event CloudWatch Logs takes, less its own overhead."""
_CHUNK_CHARACTERS = 65_000  # at 4 bytes each still below the limit
_PROGRESS_SECONDS = 1.0
REMEMBERED_LINES = 400
_REMEMBERED_CHARACTERS = 2000
KEPT_LINES, KEPT_CHARACTERS = 100, 100_000
"""So many of the newest lines are written at the end, whether there is room or not."""
_MEASURE_BYTES = 1 << 20
_MATCH_SECONDS = 0.1
_LATER = "lines are left out until its oldest ones are removed"


class Lines:
    """Cuts a stream of bytes into lines of text.

    A carriage return starts the line again, as on a terminal: of a progress bar the last state is kept, and while it
    moves at most one state a second is let through.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._state = b""
        self._shown = b""
        self._shown_at = 0.0

    def feed(self, data: bytes, now: float) -> Iterator[str]:
        """The lines that ``data`` completes. ``now`` in seconds paces progress bars."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            yield from self._end(line)
        if b"\r" in self._rest:
            states, _, self._rest = self._rest.rpartition(b"\r")
            self._state = _last_state(states) or self._state
            if self._state and self._state != self._shown and now - self._shown_at >= _PROGRESS_SECONDS:
                self._shown, self._shown_at = self._state, now
                yield from _texts(self._state)
        while len(self._rest) > MAX_LINE_BYTES:
            cut = _boundary(self._rest)
            yield from _texts(self._rest[:cut])
            self._rest = self._rest[cut:]

    def finish(self) -> Iterator[str]:
        """What is left when the stream ends without a newline."""
        if self._rest or self._state:
            yield from self._end(self._rest)
        self._rest = b""

    def _end(self, line: bytes) -> Iterator[str]:
        state = _last_state(line)
        repeated = not state and self._state and self._state == self._shown
        state = state or self._state
        self._state = self._shown = b""
        if not repeated:
            yield from _texts(state)


def _last_state(line: bytes) -> bytes:
    return next((part for part in reversed(line.split(b"\r")) if part), b"") if b"\r" in line else line


def _boundary(line: bytes) -> int:
    cut = MAX_LINE_BYTES
    while cut > MAX_LINE_BYTES - 3 and line[cut] & 0xC0 == 0x80:
        cut -= 1
    return cut


def _texts(line: bytes) -> Iterator[str]:
    while len(line) > MAX_LINE_BYTES:
        cut = _boundary(line)
        yield from _texts(line[:cut])
        line = line[cut:]
    try:
        yield line.decode()
    except UnicodeDecodeError:
        text = line.decode(errors="replace")
        for start in range(0, len(text), _CHUNK_CHARACTERS):
            yield text[start : start + _CHUNK_CHARACTERS]


class LogFile:
    r"""Appends events ``<timestamp ms>\t<message>\n`` with backslash, newline and CR in the message escaped.

    Once the file takes ``most`` bytes of disk (0 is without limit), lines are counted instead of written, until the
    server has made room by freeing the oldest ones. The log says so, and the newest lines are never lost for it.
    """

    def __init__(self, path: str, most: int = 0) -> None:
        self._descriptor = -1
        self._last = 0
        self._most = most
        self._unmeasured = _MEASURE_BYTES
        self._full = False
        self._dropped = 0
        self._newest: list[str] = []
        if path:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def append(self, lines: list[str], now: float) -> None:
        """Write a batch at once. A full disk loses lines; it does not stop the job."""
        if not lines or self._descriptor < 0:
            return
        if self._is_full():
            if not self._full:
                self._full = True
                self._write([f"sagewright: this log has reached {self._most >> 20} MiB; {_LATER}"], now)
            self._dropped += len(lines)
            self._newest = _newest([*self._newest, *lines[-KEPT_LINES:]])
            return
        if self._full:
            self._catch_up(now)
        self._write(lines, now)

    def close(self, now: float) -> None:
        """Write the newest of the lines that found no room."""
        if self._full:
            self._catch_up(now)

    def _is_full(self) -> bool:
        if not self._most or (self._unmeasured < min(_MEASURE_BYTES, self._most // 8) and not self._full):
            return False
        self._unmeasured = 0
        state = os.fstat(self._descriptor)
        return min(state.st_blocks * 512, state.st_size) >= self._most

    def _catch_up(self, now: float) -> None:
        self._full = False
        lost = self._dropped - len(self._newest)
        said = [f"sagewright: {lost} lines found no room in this log"] if lost else []
        self._write([*said, *self._newest], now)
        self._dropped, self._newest = 0, []

    def _write(self, lines: list[str], now: float) -> None:
        self._last = max(self._last, int(now * 1000))  # a clock set back must not reorder the stream
        batch = "".join(f"{self._last}\t{escape(line)}\n" for line in lines).encode(errors="replace")
        self._unmeasured += len(batch)
        try:
            while batch:
                batch = batch[os.write(self._descriptor, batch) :]
        except OSError:
            return


def _newest(lines: list[str]) -> list[str]:
    """The last lines, as many as are kept."""
    kept, size = 0, 0
    for line in reversed(lines[-KEPT_LINES:]):
        size += len(line)
        if kept and size > KEPT_CHARACTERS:
            break
        kept += 1
    return lines[-kept:]


def escape(message: str) -> str:
    """One message on one line."""
    return message.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


class Output:
    """The end of the job's pipe. It reads all there is, so that the job never waits for us.

    Only a job whose lines take long to be matched waits: until they are, nothing further is read.
    """

    def __init__(self, descriptor: int, log: LogFile, metrics: Metrics | None) -> None:
        self.descriptor = descriptor
        self.remembered: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self._lines = Lines()
        self._log = log
        self._metrics = metrics
        self._at_end = False
        os.set_blocking(descriptor, False)

    @property
    def unmatched(self) -> int:
        """Lines that were read, and in which metrics are to be looked for yet."""
        return 0 if self._metrics is None else self._metrics.waiting

    def drain(self, now: float) -> bool:
        """Take what is there, for a moment: the caller has a clock to look at. False at the end of the stream."""
        if self.unmatched:
            self._match([], now)
        for _ in range(16):
            if self.unmatched:
                return True
            if self._at_end:
                return False
            try:
                data = os.read(self.descriptor, 1 << 16)
            except BlockingIOError:
                return True
            self._at_end = not data
            self._take(list(self._lines.feed(data, now) if data else self._lines.finish()), now)
        return True

    def finish(self, now: float) -> None:
        """Give out an unfinished last line when somebody still holds the pipe open."""
        self._take(list(self._lines.finish()), now)

    def stop_matching(self, now: float) -> None:
        """Look for no further metrics; lines that wait for it are counted in the log."""
        if self.unmatched:
            self.say(f"sagewright: the last {self.unmatched} lines were not searched for metrics", now)
        self._metrics = None

    def say(self, line: str, now: float) -> None:
        """A line of our own in the job's log."""
        self._log.append([line], now)

    def _take(self, lines: list[str], now: float) -> None:
        self._log.append(lines, now)
        self.remembered.extend(line[:_REMEMBERED_CHARACTERS] for line in lines[-REMEMBERED_LINES:])
        self._match(lines, now)

    def _match(self, lines: list[str], now: float) -> None:
        if self._metrics is not None:
            for warning in self._metrics.match(lines, now, _MATCH_SECONDS):
                self.say(warning, now)
