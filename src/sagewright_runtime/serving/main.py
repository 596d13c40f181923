"""The ``serve`` program: load the model, then listen.

``SAGEWRIGHT_ALGORITHM`` names the image's built-in algorithm, if it has one; a user's module wins over its server. The
socket appears only when the model is loaded, so that an answered ping means a model that answers; a model that does not
load ends the process with its traceback.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from sagewright_runtime import job_packages
from sagewright_runtime.serving.contract import (
    ContractError,
    Defaults,
    UserModel,
    environment,
    find_module,
    import_module,
)
from sagewright_runtime.serving.server import Handler, ModelServer


def load(env: Mapping[str, str]) -> Handler:
    """The model that ``env`` describes. Raises ``ContractError``, or whatever loading it raises."""
    algorithm = env.get("SAGEWRIGHT_ALGORITHM", "")
    found = find_module(env)
    if found is not None:
        defaults = _defaults(algorithm)
        return UserModel(import_module(*found), defaults, env)
    if algorithm == "xgboost":
        from sagewright_runtime.algorithms.xgboost.serve import XGBoostModel  # noqa: PLC0415 (needs xgboost)

        return XGBoostModel.load(env)
    raise ContractError("There is no inference.py in the model's code/ and SAGEMAKER_PROGRAM is not set.")


def _defaults(algorithm: str) -> Defaults:
    if algorithm == "xgboost":
        from sagewright_runtime.algorithms.xgboost import script_mode  # noqa: PLC0415 (needs xgboost)

        return script_mode.DEFAULTS
    from sagewright_runtime.serving import frameworks  # noqa: PLC0415 (needs numpy)

    return frameworks.SKLEARN if importlib.util.find_spec("sklearn") else frameworks.GENERIC


def _theirs(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is not ours: the user looks for his own lines."""
    ours = str(Path(__file__).parents[1])
    inner = trace
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith((ours, "<frozen importlib")):
        inner = inner.tb_next
    return inner or trace


def _install(code: Path) -> None:
    """What the code needs and the server has left to it. Raises ``job_packages.InstallFailed``."""
    if job_packages.listed(str(code)):
        job_packages.install(["-r", job_packages.NAME], str(code))


def main() -> int:
    """Run the model server; the exit code of the process."""
    for stream in (sys.stdout, sys.stderr):
        # Lines reach the endpoint's log as they are printed, and a character the locale lacks stops nothing.
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    env = environment()
    sys.path.append(str(Path(__file__).parents[1] / "packages"))
    try:
        _install(Path(env.get("SM_MODEL_DIR", "/opt/ml/model"), "code"))
        handler = load(env)
    except (ContractError, job_packages.InstallFailed) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except (Exception, SystemExit) as error:
        traceback.print_exception(type(error), error, _theirs(error.__traceback__))
        return 1
    ModelServer(handler, Path(env.get("SAGEWRIGHT_RUN_DIR", "/opt/sagewright/run")) / "serve.sock").run()
    sys.stdout.flush()
    return os.EX_OK
