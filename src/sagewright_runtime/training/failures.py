"""How a training run fails, as the exit code and the text of ``/opt/ml/output/failure``.

    ClientError                 exit 1     the job was asked for wrongly
    └── ProgramFailed           exit 1     a program of the user's ended with a code other than 0

Anything else is our fault and exits 255.
"""

from __future__ import annotations

import re

CLIENT_EXIT = 1
PLATFORM_EXIT = 255
# What marks the first line of a traceback worth keeping: the name of an exception.
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
    """From the first line that names an exception to the end: what the failure file keeps of a program's errors.

    ``exception`` is the exception's own name where it is known.
    """
    kept: dict[str, None] = {}
    for line in output.strip().split("\n"):
        if kept or _EXCEPTION.search(line) or (exception and exception in line):
            kept[line.strip(" :\n")] = None
    return "\n ".join(kept)
