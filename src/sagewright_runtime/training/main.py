"""The ``train`` command: run the job's program or the image's algorithm, and write down how it ended."""

# No pathlib, no typing: they are slow to import, and every job waits for this.
from __future__ import annotations

import atexit
import os
import sys
import time

from sagewright_runtime.training import entry
from sagewright_runtime.training.environment import Training
from sagewright_runtime.training.failures import CLIENT_EXIT, PLATFORM_EXIT, ClientError, ProgramFailed

_DEBUG = 10


def main(library: str) -> int:
    """Run the training job described below ``/opt/ml/input/config``; the exit code of the process.

    ``library`` is the directory of this runtime on ``sys.path``, which the user's program does not get to see.
    Leaves ``/opt/ml/output/success`` or ``/opt/ml/output/failure``.
    """
    sys.path.remove(library)  # packages are found by their own path from here on
    sys.path.append(os.path.join(library, "sagewright_runtime", "packages"))
    output = os.path.join(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "output")
    succeeded: list[bool] = []
    # Registered before the program's own exit handlers, so it runs after them.
    atexit.register(lambda: succeeded and _leave(output, "success", ""))
    try:
        training = Training(os.environ)
        algorithm = os.environ.get("SAGEWRIGHT_ALGORITHM", "")
        if training.program is None and _is_built_in(algorithm):
            os.environ.update(entry.settable(training.variables()))
            _run_built_in(algorithm, training)
        else:
            _announce(training)
            entry.run(training)
    except ProgramFailed as failure:  # its own output has the error
        _leave(output, "failure", str(failure))
        return CLIENT_EXIT
    except ClientError as error:
        print(error, file=sys.stderr)
        _leave(output, "failure", str(error))
        return CLIENT_EXIT
    except Exception:
        import traceback  # noqa: PLC0415 (only failures need it)

        text = traceback.format_exc()
        print(text, file=sys.stderr)
        _leave(output, "failure", f"Framework Error: \n{text}")
        return PLATFORM_EXIT
    succeeded.append(True)
    return 0


def _is_built_in(algorithm: str) -> bool:
    folder = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "algorithms", algorithm)
    return algorithm.isidentifier() and os.path.isfile(os.path.join(folder, "train.py"))


def _run_built_in(algorithm: str, training: Training) -> None:
    import importlib  # noqa: PLC0415 (scripts do not need it)

    importlib.import_module(f"sagewright_runtime.algorithms.{algorithm}.train").train(training)


def _announce(training: Training) -> None:
    now = time.time()
    stamp = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now))},{int(now * 1000) % 1000:03d}"
    if isinstance(training.log_level, int) and training.log_level <= _DEBUG:
        lines = "\n".join(f"{name}={text}" for name, text in training.variables().items())
        print(f"{stamp} sagewright   DEBUG    Environment variables:\n\n{lines}\n", file=sys.stderr)
    arguments = " ".join(training.arguments())
    print(f"{stamp} sagewright   INFO     Running {training.program} {arguments}".rstrip(), file=sys.stderr, flush=True)


def _leave(directory: str, name: str, text: str) -> None:
    """Write a file for the platform. A file that the program wrote itself stays; anything else of that name moves."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, name)
    if os.path.lexists(path) and not os.path.isfile(path):
        os.rename(path, f"{path}.{os.getpid()}")
    if not os.path.exists(path):
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
