"""The sandbox, entered by a process that has imported the framework already: starts of tens of milliseconds.

The isolation is the sandbox's own, made by bubblewrap from the same options; ``sagewright_runtime.agent.warm`` says
how a process forked from a zygote moves in. A zygote runs with the server's rights, so it imports only what our own
table of frameworks pins: an environment with a user's requirements in it starts cold. So does

- a program that is not Python, or is not started as ``train``, ``serve`` or ``python file.py``;
- a workload whose variables steer an interpreter or a library while it is loaded (``PYTHON*``, ``LD_*``, ``OMP_*`` …),
  or whose code names such a variable, for it would set it too late; and one with ``SAGEWRIGHT_WARM=0``;
- the first one in an environment, while its zygote imports.

What differs from a cold start, for programs that look: ``/proc/self/environ`` and ``cmdline`` are the zygote's; hash
seed and address layout are those of the zygote, and so the same for all that it forked; at the end, the modules that
the zygote imported are not torn down.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

from sagewright.backends import seccomp
from sagewright.backends.base import Workload
from sagewright.backends.local import Instance
from sagewright.backends.sandbox import PROGRAMS, SandboxBackend, search_path
from sagewright.backends.zygotes import Modules, Zygotes
from sagewright.environments.builder import warm_modules

OPT_OUT = "SAGEWRIGHT_WARM"
_PYTHON = re.compile(r"python(3(\.\d+)?)?")
# Read by an interpreter or by libraries while they are loaded, which in a warm start is long before the job.
_LIBRARIES = (
    "OMP|GOMP|KMP|MKL|OPENBLAS|GOTO|BLIS|NUMEXPR|VECLIB|NPY|NUMPY|SCIPY|SKLEARN|XGBOOST|ARROW|CUDA|NCCL|TORCH|PYTORCH"
    "|TF|XLA|JAX|MALLOC"
)
_EARLY = re.compile(rf"({_LIBRARIES})_.*|(PYTHON|LD_|LC_|GLIBC_).*|LANG|LANGUAGE")
_EARLY_IN_CODE = rf"\b({_LIBRARIES})_[A-Z]{{2}}"


class WarmBackend(SandboxBackend):
    """``SandboxBackend`` with zygotes; ``modules`` gives what to import ahead of time for an environment."""

    name = "warm"

    def __init__(self, root: Path, hint_socket: Path | None = None, modules: Modules = warm_modules) -> None:
        super().__init__(root, hint_socket)
        self._zygotes = Zygotes(modules, _library_environment)

    def warm_up(self, environment: str, seconds: float = 60.0) -> bool:
        """Wait until the next start in ``environment`` is a warm one; False when it will not be."""
        return self._zygotes.await_ready(environment, seconds)

    def zygote_pid(self, environment: str) -> int:
        """The process id of the zygote of ``environment``, 0 while there is none."""
        return self._zygotes.pid(environment)

    def close(self) -> None:
        """End the zygotes; runs go on."""
        self._zygotes.close()

    def _line(self, workload: Workload) -> socket.socket | None:
        return self._zygotes.line(workload.environment) if _script(workload) else None

    def _command(self, instance: Instance, place: Path) -> dict[str, Any]:
        said = super()._command(instance, place)
        said["command"]["warm"] = {"argv": _script(instance.workload), "unless": _EARLY_IN_CODE}
        return said


def _library_environment(environment: str) -> dict[str, str]:
    return Instance("", "localhost", Path(), Workload((), environment)).environment(search_path(environment))


def _script(workload: Workload) -> list[str]:
    """The Python script that the workload starts, and its arguments; empty when it has to start cold."""
    ours = _library_environment(workload.environment)
    steered = any(_EARLY.fullmatch(name) and ours.get(name) != value for name, value in workload.env.items())
    if steered or workload.env.get(OPT_OUT) == "0" or not seccomp.supported() or not workload.argv:
        return []
    program, *arguments = workload.argv
    if program in ("train", "serve"):
        return [f"{PROGRAMS}/{program}", *arguments]
    if _PYTHON.fullmatch(program) and arguments and re.fullmatch(r"[^-].*\.py", arguments[0]):
        return arguments
    return []
