"""Work without isolation, for machines that have no user namespaces. Only when asked for.

What does not work here, and works in the sandbox:
- Nothing is hidden: the process runs as the server's user and can read and write whatever that user can, the server's
  data and other jobs' files included. It shares the machine's network, also when it is to be isolated: then it only
  gets no credentials.
- There is no ``/opt/ml``. The job's tree is a directory of its own, named in ``SAGEMAKER_BASE_DIR``; ``/opt/ml`` in
  arguments and environment variables is rewritten to it, a path written in the user's code is not. ``HOME`` is its own.
- ``algo-1`` and the like resolve to nothing, so instances of one run do not find each other; two model servers cannot
  have one port.
- A process that leaves its session and outlives a killed agent is not found again.
Memory, cores and run time are limited as in the sandbox, by control groups or by the agent's watchdog.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sagewright.backends import doors
from sagewright.backends.local import BASE, RUNTIME, Instance, LocalBackend
from sagewright.environments import installer


class PlainBackend(LocalBackend):
    """Runs work as ordinary processes. ``root`` and ``hint_socket`` as in ``SandboxBackend``."""

    name = "plain"

    def _command(self, instance: Instance, place: Path) -> dict[str, Any]:
        workload = instance.workload
        if not Path(workload.environment).is_dir():
            raise OSError(f"there is no Python environment at {workload.environment}")
        (place / "home").mkdir()
        base = str(instance.directory / "ml")
        path = f"{RUNTIME / 'bin'}:{workload.environment}/bin:/usr/local/bin:/usr/bin:/bin"
        env = instance.environment(
            path,
            HOME=str(instance.directory / "home"),
            SAGEWRIGHT_PACKAGES=str(instance.directory / "home/.sagewright"),
            PIP_PREFIX=str(instance.directory / "home/.sagewright"),
            SAGEMAKER_BASE_DIR=base,
            SAGEWRIGHT_RUN_DIR=str(instance.directory / "run"),
            **installer.pip_variables(os.environ),
        )
        return {
            "seen": base,
            "pod": False,
            "given": [],
            "door": self._door(instance),
            "command": {
                "argv": [_moved(argument, base) for argument in workload.argv],
                "env": {name: _moved(value, base) for name, value in env.items()},
                "cwd": f"{base}/code",
                "sandbox": None,
            },
        }

    def _door(self, instance: Instance) -> dict[str, Any] | None:
        if self.doors is None or not self._has_door(instance.workload):
            return None
        files = {name: str(path) for name, path in self.doors.files().items()}
        return doors.order(instance.workload, instance.secret, shared=True, files=files)


def _moved(text: str, base: str) -> str:
    return text.replace(BASE, base)
