"""Runs a Python script in the interpreter that is already there: as ``__main__``, with its arguments and tracebacks.

That saves the start of a second interpreter, and signals reach the script with nobody in between.
"""

# No pathlib, no typing: they are slow to import, and every job waits for this.
from __future__ import annotations

import builtins
import io
import os
import sys

# A bare interpreter has these before it looks for a script; no file beside the script ever replaces them.
_BARE = frozenset(
    ("_collections_abc", "abc", "codecs", "encodings", "genericpath", "io", "os", "posixpath", "site", "stat")
)


def run(path: str, argv: list[str]) -> tuple[int, str, str]:
    """Do what ``python path …`` does, but for the paths, which are the caller's to set.

    Returns the exit code, the last words and an exception's name: the traceback of an uncaught exception, which is
    shown by then, or what the script gave ``sys.exit`` and no name. A child that the script forked does not return.
    """
    sys.argv = argv
    _forget_what_is_beside(sys.path[:2])
    main = type(sys)("__main__")
    main.__dict__.update(__file__=path, __builtins__=builtins, __cached__=None, __annotations__={})
    sys.modules["__main__"] = main
    process = os.getpid()
    try:
        _execute(path, main.__dict__)
    except SystemExit as stop:
        if os.getpid() != process:
            raise
        return (*_exit_code(stop), "")
    except BaseException as error:
        _show(error)
        if os.getpid() != process:
            os._exit(1)  # a child that the script forked: the report is its parent's to make
        import traceback  # noqa: PLC0415 (only failures need it)

        return 1, "".join(traceback.format_exception(type(error), error, error.__traceback__)), type(error).__name__
    return 0, "", ""


def _execute(path: str, names: dict[str, object]) -> None:
    with getattr(io, "open_code", io.FileIO)(path) as file:
        source = file.read()
    exec(compile(source, path, "exec", dont_inherit=True), names)  # noqa: S102 (the job's own program)


def _forget_what_is_beside(directories: list[str]) -> None:
    """A module of the user's wins over one of the same name that this interpreter happens to have imported already."""
    beside = {name.partition(".")[0] for directory in directories for name in _names(directory)}
    for name in (beside & sys.modules.keys()) - _BARE - {"__main__", *sys.builtin_module_names}:
        for loaded in [other for other in sys.modules if other == name or other.startswith(f"{name}.")]:
            del sys.modules[loaded]


def _names(directory: str) -> list[str]:
    try:
        return [
            name
            for name in os.listdir(directory)
            if name.endswith(".py") or os.path.isfile(os.path.join(directory, name, "__init__.py"))
        ]
    except OSError:
        return []


def _show(error: BaseException) -> None:
    """The traceback from the script's first frame on: ours above it would only puzzle."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") == __name__:
        trace = trace.tb_next
    error.__traceback__ = trace
    sys.excepthook(type(error), error, trace)


def _exit_code(stop: SystemExit) -> tuple[int, str]:
    if stop.code is None or isinstance(stop.code, int):
        return (stop.code or 0) & 0xFF, ""
    print(stop.code, file=sys.stderr)
    return 1, str(stop.code)
