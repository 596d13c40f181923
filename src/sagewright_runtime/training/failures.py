"""How a training run fails, as the exit code and the text of ``/opt/ml/output/failure``.

    ClientError                 exit 1     the job's request or code is wrong
    └── ProgramFailed           exit 1     a program of the user's ended with a code other than 0

Anything else is our fault and exits 255.
"""

from __future__ import annotations

import re

CLIENT_EXIT = 1
PLATFORM_EXIT = 255
# The name of an exception marks the first line of a traceback that is kept.
_EXCEPTION = re.compile(r"(?:Error|Exception)\b|Invalid requirement")


class ClientError(Exception):
    """The user can mend it; the message says how."""


class ProgramFailed(ClientError):
    """A program ended with ``code``; ``name`` is the toolkit's word for which kind it was."""

    def __init__(self, name: str, code: int, message: str, command: list[str]) -> None:
        # 137 reaches us from a shell whose command was killed; a direct child would show as -9.
        note = '\nExtraInfo "OutOfMemory: Process killed by SIGKILL (signal 9)"' if code == 137 else ""
        super().__init__(f'{name}:\nExitCode {code}\nErrorMessage "{message}"{note}\nCommand "{" ".join(command)}"')


def digest(output: str, exception: str = "") -> str:
    """The part of a program's errors for the failure file: from the first line that names an exception to the end.

    ``exception`` is the exception's own name where it is known.
    """
    lines: dict[str, None] = {}
    for line in output.strip().split("\n"):
        if lines or _EXCEPTION.search(line) or (exception and exception in line):
            lines[line.strip(" :\n")] = None
    return "\n ".join(lines)
