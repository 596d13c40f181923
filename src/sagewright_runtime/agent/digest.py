"""Why a job failed, in one line that a person can act on: from the exit code and the last lines it printed."""

from __future__ import annotations

import re
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_FRAME = re.compile(r'\s*File "(?P<file>.+?)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?::(?: .*|$)|$)")
_HEADER = re.compile(r"(Exception Group )?Traceback \(most recent call last\):$")
_PREFIX = re.compile(r"^(\[rank\d+\]: ?|(?=  [|+])[ |+]{4})")  # torch.distributed's mark; an exception group's margin
_LIBRARY = ("/site-packages/", "/dist-packages/")
_CODE = ("/code/", "/input/data/code/", "/model/code/", "/processing/input/code/", "/")
_MAX_CHARACTERS = 1000
_TRAILING_LINES = 5
_MESSAGE_LINES = 60
"""How long the message of an exception may be: Python itself ends with code 1 after an uncaught one."""
_UNCAUGHT = 1
_USAGE, _USAGE_ERROR = re.compile(r"usage: "), re.compile(r"\S.*: error: ")
_USAGE_LINES = 30
_OURS = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ sagewright +(?:INFO|DEBUG) ")
_TRAILING_LINES_BEFORE_ANOTHER = 15


class _Frame:
    def __init__(self, file: str, line: str, function: str) -> None:
        self.file = file
        self.line = line
        self.function = function


class _Traceback:
    """``start`` and ``end`` are the places of its first and last line in the output."""

    def __init__(self, start: int) -> None:
        self.start = self.end = start
        self.frames: list[_Frame] = []
        self.exception = ""


def explain(exit_code: int, lines: Iterable[str], base: str = "/opt/ml") -> str:
    """The reason of a failure; empty for exit code 0.

    ``train.py line 12, in main: ValueError: bad label`` when the output ends in a traceback: the exception and the
    deepest frame in the user's own code, which is what lies below ``base`` and is no installed package. A traceback
    that the program went on from does not count. Otherwise the decoded exit code and the last line, or the usage of a
    program whose arguments were wrong.
    """
    if exit_code == 0:
        return ""
    died = signal_name(exit_code)
    if died:
        return f"killed by {died} (exit code {exit_code})"
    printed = [line for line in lines if line.strip() and not _OURS.match(line)]
    most = _MESSAGE_LINES if exit_code == _UNCAUGHT else _TRAILING_LINES
    traceback = _fatal(_tracebacks(printed), len(printed), most, base)
    if traceback is not None:
        return _describe(traceback, base)[:_MAX_CHARACTERS]
    last = _last_words(printed)
    return f"exited with code {exit_code}{': ' if last else ''}{last}"[:_MAX_CHARACTERS]


def _last_words(lines: list[str]) -> str:
    """The last line with a word in it; all of what argparse says of wrong arguments."""
    words = [line.strip() for line in lines if any(map(str.isalnum, line))]
    if not words:
        return lines[-1].strip() if lines else ""
    if _USAGE_ERROR.match(words[-1]):
        for start in range(len(words) - 1, max(len(words) - _USAGE_LINES, 0) - 1, -1):
            if _USAGE.match(words[start]):
                return "\n".join(words[start:])
    return words[-1]


def signal_name(exit_code: int) -> str:
    """``SIGKILL`` for 137 and so on; empty when the code is no death by signal."""
    try:
        return signal.Signals(exit_code - 128).name
    except ValueError:
        return ""


def mebibytes(count: int) -> str:
    """Bytes as people read memory sizes."""
    return f"{count / 2**20:.0f} MiB"


def _tracebacks(lines: list[str]) -> list[_Traceback]:
    found: list[_Traceback] = []
    current: _Traceback | None = None
    for number, raw in enumerate(lines):
        line = _PREFIX.sub("", raw)
        if _HEADER.match(line.strip()):
            current = _Traceback(number)
            continue
        frame = _FRAME.match(line)
        if frame:
            current = current or _Traceback(number)  # a SyntaxError of the script itself has no header
            current.frames.append(_Frame(frame["file"], frame["line"], frame["function"] or ""))
        elif current is not None and not line.startswith((" ", "\t")):
            if current.frames and _EXCEPTION.match(line):
                current.exception, current.end = line.strip(), number
                if current.exception.endswith(":") and number + 1 < len(lines):
                    current.exception += f" {lines[number + 1].strip()}"  # the message begins with a blank line
                found.append(current)
            current = None
    return found


def _fatal(found: list[_Traceback], count: int, most: int, base: str) -> _Traceback | None:
    """The traceback that ended the program: the last one if at most ``most`` of ``count`` lines follow it. Where that
    one shows only a launcher's own code (torchrun), the one before it."""
    if not found or count - 1 - found[-1].end > most:
        return None
    last = found[-1]
    after = last
    for earlier in reversed(found):
        if earlier is not last and after.start - earlier.end > _TRAILING_LINES_BEFORE_ANOTHER:
            break
        if _user_frame(earlier, base) is not None:
            return earlier
        after = earlier
    return last


def _user_frame(traceback: _Traceback, base: str) -> _Frame | None:
    return next((frame for frame in reversed(traceback.frames) if _is_users(frame.file, base)), None)


def _is_users(file: str, base: str) -> bool:
    if file.startswith("<"):
        return file in ("<string>", "<stdin>")
    return not any(part in file for part in _LIBRARY) and (file.startswith(base + "/") or not file.startswith("/"))


def _describe(traceback: _Traceback, base: str) -> str:
    frame = _user_frame(traceback, base)
    if frame is None:
        return traceback.exception
    name = frame.file
    for root in _CODE:
        if name.startswith(base + root):
            name = name[len(base + root) :]
            break
    function = f", in {frame.function}" if frame.function not in ("", "<module>") else ""
    return f"{name} line {frame.line}{function}: {traceback.exception}"
