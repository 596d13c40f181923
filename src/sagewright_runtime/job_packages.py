"""What a job installs itself: the lines of its requirements.txt that the server left to it, and packages of its code.

The server installs packages that are named and come as wheels; files of the user's, other indexes, version control and
what has to be built are installed here, in the job's sandbox, with its limits and its network.
"""

# No pathlib, no typing: they are slow to import, and every job waits for this.
from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = "requirements.txt"


class InstallFailed(Exception):
    """pip ended with ``code``; ``output`` is what it said of it."""

    def __init__(self, code: int, output: str, command: list[str]) -> None:
        super().__init__(output)
        self.code = code
        self.output = output
        self.command = command


def listed(folder: str) -> bool:
    """Whether ``folder`` has requirements that the server has not installed, all of them."""
    if os.environ.get("SAGEWRIGHT_REQUIREMENTS_LAYERED") == "1" or not os.path.exists(f"{folder}/{NAME}"):
        return False
    marker = _marker()
    return not marker.get("requirements") or bool(marker.get("own"))


def install(what: list[str], folder: str | None = None) -> None:
    """``pip install what`` in ``folder``, beside the environment, which other jobs share, for this job alone.

    Raises ``InstallFailed``.
    """
    import importlib  # noqa: PLC0415 (rare, as all below)
    import site  # noqa: PLC0415
    import subprocess  # noqa: PLC0415
    import sysconfig  # noqa: PLC0415
    import tempfile  # noqa: PLC0415

    for line in _marker().get("own", ()):
        print(f"sagewright: installed by the job itself: {line}", file=sys.stderr, flush=True)
    prefix = os.environ.get("PIP_PREFIX") or tempfile.mkdtemp(prefix="packages-")
    site_packages = sysconfig.get_path("purelib", "posix_prefix", {"base": prefix, "platbase": prefix})
    os.environ["PYTHONPATH"] = ":".join(filter(None, (os.environ.get("PYTHONPATH"), site_packages)))
    os.environ["PATH"] = f"{prefix}/bin:{os.environ.get('PATH', os.defpath)}"
    command = [sys.executable, "-m", "pip", "install", "--prefix", prefix, *what]
    errors: list[str] = []
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            print(line, end="", flush=True)
            if line.startswith(("ERROR:", "error:", "  error:")):
                errors = [*errors[-3:], line.strip()]
    if pip.returncode:
        if os.environ.get("PIP_NO_INDEX") == "1":
            errors.append("This job reaches no package index: SAGEWRIGHT_JOB_NETWORK=host lets jobs reach one.")
        raise InstallFailed(pip.returncode, "\n ".join(errors), command)
    before = [path for path in sys.path if path != site_packages]
    site.addsitedir(site_packages)  # editable packages are found by .pth files
    added = [path for path in sys.path if path not in before and path != site_packages]
    sys.path[:] = [site_packages, *added, *before]
    importlib.invalidate_caches()  # the directory may have been looked for before it was there


def _marker() -> dict[str, Any]:
    """What the server wrote of this environment when it was built."""
    try:
        with open(f"{sys.prefix}/.complete", encoding="utf-8") as marker:
            found: dict[str, Any] = json.load(marker)
            return found
    except FileNotFoundError:
        return {}
