"""Runs the user's program: a script in this very process, a package or a command as a child.

A script runs in the interpreter that is already there, as ``__main__`` and with its own tracebacks, arguments and
paths. That saves the start of a second interpreter, and signals reach the script directly.
"""

# No pathlib, no typing: they are slow to import, and every job waits for this.
from __future__ import annotations

import os
import sys

from sagewright_runtime import script
from sagewright_runtime.training.environment import Training, without_ending
from sagewright_runtime.training.failures import ClientError, ProgramFailed, digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-/")


def run(training: Training) -> None:
    """Run the job's program to its end; raises ``ClientError`` when it cannot be run or fails."""
    program = _program_name(training)
    _unpack_code(training)
    if program.endswith(".sh"):
        kind = "command"
    elif os.path.exists(f"{training.code_dir}/setup.py"):
        kind = "package"
    else:
        kind = "script" if program.endswith(".py") else "command"
    os.environ.update(settable(training.variables()))
    os.environ["PYTHONPATH"] = ":".join(filter(None, (training.code_dir, os.environ.get("PYTHONPATH"))))
    os.chdir(training.code_dir)
    if kind != "command":
        _install(training, package=kind == "package")
    if len(training.hosts) > 1 and os.environ.get("SM_STUDIO_LOCAL_MODE", "").lower() != "true":
        _wait_for(training.hosts)
    if kind == "script":
        run_script(training.code_dir, program, training.arguments())
        return
    from sagewright_runtime.training import child  # noqa: PLC0415 (subprocess and threading are slow to import)

    child.run(_command(training, program, kind), "ExecuteUserScriptError")


def run_script(code_dir: str, program: str, arguments: list[str]) -> None:
    """Do what ``python -- program arguments`` does, in this interpreter.

    Raises ``ProgramFailed`` for an uncaught exception, whose traceback is shown by then, or a non-zero exit.
    """
    path = os.path.join(code_dir, program)
    command = [sys.executable, "--", program, *arguments]
    if not os.path.isfile(path):
        message = f"{sys.executable}: can't open file '{path}': [Errno 2] No such file or directory"
        print(message, file=sys.stderr)
        raise ProgramFailed("ExecuteUserScriptError", 2, message, command)
    sys.path[:0] = [os.path.dirname(os.path.realpath(path)), code_dir]
    code, words, exception = script.run(path, command[2:])
    if code:
        message = digest(words, exception) if exception else words
        raise ProgramFailed("ExecuteUserScriptError", code, message, command)


def _command(training: Training, program: str, kind: str) -> list[str]:
    if kind == "package":
        return [sys.executable, "-m", without_ending(program), *training.arguments()]
    import shlex  # noqa: PLC0415 (rare)

    os.chmod(os.path.join(training.code_dir, program), 0o755)  # noqa: S103 (it is to be run)
    return ["/bin/sh", "-c", "./" + " ".join(map(shlex.quote, [program, *training.arguments()]))]


def _program_name(training: Training) -> str:
    """The program's name, which has to be a path below the code directory and no option."""
    program = training.program
    if not program:
        _refuse("This job has no program to run: set the hyperparameter sagemaker_program, or ContainerEntrypoint.")
    launchers = training.distribution()
    if launchers:
        _refuse(f"Distributed launchers are not supported yet; the hyperparameter {launchers[0]} asks for one.")
    segments = program.split("/")
    if program[0] in "-+/" or not set(program) <= _NAME_CHARACTERS or {"", ".", ".."} & set(segments):
        _refuse(
            f"The training entry point {program!r} cannot be used: it has to be a path below the source directory, of "
            "letters, digits and '._+-/', such as 'train.py' or 'bin/train.sh'."
        )
    return program


def _refuse(message: str) -> NoReturn:
    raise ClientError(message)


def _unpack_code(training: Training) -> None:
    """Unpack code that a channel brought. Code from S3 was unpacked by the server before the job started."""
    os.makedirs(training.code_dir, exist_ok=True)
    if os.listdir(training.code_dir):
        return
    source = training.source
    if not os.path.exists(source):
        source = source.replace("/opt/ml", training.base, 1)
    if not os.path.exists(source):
        _refuse(f"The code directory is empty, and sagemaker_submit_directory {training.source} is not here.")
    if os.path.realpath(source) == os.path.realpath(training.code_dir):
        return
    import shutil  # noqa: PLC0415 (rare)
    import tarfile  # noqa: PLC0415 (rare)

    if os.path.isdir(source):
        os.rmdir(training.code_dir)  # it is empty, and older Pythons copy only to what is not there
        shutil.copytree(source, training.code_dir)
    elif tarfile.is_tarfile(source):
        from sagewright_runtime.shared.unpack import unpack  # noqa: PLC0415 (rare)

        try:
            unpack(source, training.code_dir)
        except ValueError as error:
            _refuse(str(error))
    else:
        shutil.copy2(source, training.code_dir)


def _install(training: Training, package: bool) -> None:
    """Install the code's requirements and its package, unless the server has put them into the environment."""
    from sagewright_runtime import job_packages  # noqa: PLC0415 (most code needs nothing)

    has_requirements = job_packages.listed(training.code_dir)
    if has_requirements or package:
        arguments = (["."] if package else []) + (["-r", job_packages.NAME] if has_requirements else [])
        try:
            job_packages.install(arguments)
        except job_packages.InstallFailed as error:
            name = "InstallModuleError" if package else "InstallRequirementsError"
            raise ProgramFailed(name, error.code, error.output, error.command) from None


def settable(variables: dict[str, str]) -> dict[str, str]:
    """The variables that an environment can hold: none with ``=`` in its name or a NUL."""
    return {name: text for name, text in variables.items() if "=" not in name and "\0" not in name + text}


def _wait_for(hosts: list[str], seconds: float = 900) -> None:
    """Wait until the names of all hosts resolve; a cluster's do some time after its start."""
    import socket  # noqa: PLC0415 (only with several hosts)
    import time  # noqa: PLC0415

    end = time.monotonic() + seconds
    for host in hosts:
        while True:
            try:
                socket.gethostbyname(host)
                break
            except OSError as error:
                if time.monotonic() > end:
                    raise OSError(f"the host {host} of this job does not resolve") from error
                time.sleep(0.2)
