"""The default backend: each instance in a sandbox made by bubblewrap, with ``/opt/ml`` at its real path.

The job sees the machine's ``/usr``, its Python environment and our runtime, all read-only, and its own ``/opt/ml``,
home and ``/tmp``. It has its own processes, network and host name, believes it is root and has no capability. In its
network is a door to the server and nothing else; with ``network`` ``host`` it has the machine's network instead. Its
memory, cores and processes are limited by what the machine allows. When the server is root, each run gets a user id of
its own; that user could not reach what lies below root's home, so the agent first shows it in a mount namespace.
"""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from sagewright.backends import doors, seccomp
from sagewright.backends.base import Workload
from sagewright.backends.local import BASE, RUNTIME, Instance, LocalBackend
from sagewright.environments import installer, sources
from sagewright.environments.bubblewrap import find_bwrap, python_roots, top_level
from sagewright_runtime.shared import pod

LIBRARY = "/opt/sagewright/lib"
PROGRAMS = "/opt/sagewright/bin"
SOCKETS = "/opt/sagewright/run"
PLACE = "/mnt"
"""Where the agent shows a run's user the directories it could not reach, in a mount namespace nobody else sees."""
FIRST_UID, UIDS = 1_900_000_000, 100_000_000
"""User ids that no distribution, container engine or systemd hands out (systemd's UIDS-GIDS table)."""

# pip in a job that reaches no package index: it says so at once, and builds with what the environment has.
_WITHOUT_INDEX = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
_FILES = {"trust": "/opt/sagewright/trust.pem", "defaults": "/opt/sagewright/sagemaker-defaults.yaml"}
_NAMESPACES = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
_ETC = (
    "alternatives", "ca-certificates", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "magic",
    "mime.types", "os-release", "pki", "protocols", "services", "ssl", "timezone",
)  # fmt: skip


def search_path(environment: str) -> str:
    """PATH in a sandbox."""
    return f"{PROGRAMS}:{environment}/bin:/usr/local/bin:/usr/bin:/bin"


class SandboxBackend(LocalBackend):
    """Runs work in bubblewrap. ``root`` holds the runs; ``hint_socket`` is told run ids when a stage changes."""

    name = "sandbox"

    def _command(self, instance: Instance, place: Path) -> dict[str, Any]:
        bwrap = find_bwrap()
        if bwrap is None:
            raise OSError("bubblewrap is not installed; `sagewright doctor` says how to get it")
        if not Path(instance.workload.environment).is_dir():
            raise OSError(f"there is no Python environment at {instance.workload.environment}")
        for name in ("tmp", "home", "etc"):
            (place / name).mkdir()
        shared = self._shares_network(instance.workload)
        _write_etc(place / "etc", instance, shared=shared)
        sources = _Sources(staged=os.geteuid() == 0)
        arguments = self._arguments(instance, sources)
        has_door = self._has_door(instance.workload)
        if has_door and self.doors is not None:
            for name, file in self.doors.files().items():
                arguments += ["--ro-bind", sources.of(file), _FILES[name]]
        filter_file = ""
        if seccomp.supported():
            filter_file = str(instance.directory / "seccomp.bpf")
            (place / "seccomp.bpf").write_bytes(seccomp.program())
        else:
            arguments.append("--disable-userns")
        path = search_path(instance.workload.environment)
        uid = FIRST_UID + zlib.crc32(instance.run_id.encode()) % UIDS if sources.staged else None
        return {
            "seen": BASE,
            "pod": len(instance.workload.hosts) > 1,
            "given": ["run", "home", "tmp"],
            "door": doors.order(instance.workload, instance.secret, shared=shared, files=_FILES) if has_door else None,
            "command": {
                "argv": list(instance.workload.argv),
                "env": instance.environment(path, SAGEWRIGHT_RUN_DIR=SOCKETS, **_pip(instance, shared=shared)),
                "cwd": f"{BASE}/code",
                "sandbox": {
                    "bwrap": sources.program(bwrap),
                    "args": arguments,
                    "seccomp": filter_file,
                    "uid": uid,
                    "shares_network": shared,
                    "stage": sources.paths,
                    "place": PLACE,
                },
            },
        }

    def _shares_network(self, workload: Workload) -> bool:
        """Whether there is no network but the machine's. Several hosts need addresses of their own in any case."""
        return self.network == "host" and not workload.isolated and len(workload.hosts) == 1

    def _arguments(self, instance: Instance, sources: _Sources) -> list[str]:
        workload, directory = instance.workload, instance.directory
        arguments = [*_NAMESPACES, "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
        arguments += ["--uid", "0", "--gid", "0", "--hostname", instance.host]
        if len(workload.hosts) == 1 and not self._shares_network(workload):
            arguments.append("--unshare-net")
        arguments += ["--ro-bind", "/usr", "/usr", *top_level()]
        arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/dev/shm"]  # noqa: S108 - inside the sandbox
        arguments += ["--ro-bind-try", "/sys/devices/system", "/sys/devices/system", "--dir", "/run"]
        # On disk, not in memory: jobs keep downloads and caches there.
        for name, target in (("tmp", "/tmp"), ("home", "/root"), ("ml", BASE)):  # noqa: S108 - inside the sandbox
            arguments += ["--bind", sources.of(directory / name), target]
        arguments += ["--dir", "/var/tmp"]  # noqa: S108 - inside the sandbox
        for name in _ETC:
            arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        etc = sources.of(directory / "etc")
        for name in ("hosts", "hostname", "passwd", "group", "resolv.conf", "nsswitch.conf"):
            arguments += ["--ro-bind", f"{etc}/{name}", f"/etc/{name}"]
        for name, real in python_roots(workload.environment).items():
            arguments += ["--ro-bind", sources.of(Path(real)), name]
        # The package alone: what lies beside it is the server.
        arguments += ["--ro-bind", sources.of(RUNTIME), f"{LIBRARY}/{RUNTIME.name}"]
        arguments += ["--symlink", f"lib/{RUNTIME.name}/bin", PROGRAMS]
        if workload.socket:
            arguments += ["--bind", sources.of(directory / "run"), SOCKETS]
        return arguments


def _pip(instance: Instance, *, shared: bool) -> dict[str, str]:
    """How pip in a job finds packages: by the operator's index, or among what the server has fetched for the job."""
    if shared:
        return installer.pip_variables(os.environ)
    fetched = Path(instance.workload.environment, sources.FOLDER)
    return _WITHOUT_INDEX | ({"PIP_FIND_LINKS": str(fetched)} if fetched.is_dir() else {})


class _Sources:
    """Paths of this machine as bubblewrap may name them: staged by number, or as they are."""

    def __init__(self, *, staged: bool) -> None:
        self.staged = staged
        self.paths: list[str] = []

    def of(self, path: Path) -> str:
        if not self.staged:
            return str(path)
        if str(path) not in self.paths:
            self.paths.append(str(path))
        return f"{PLACE}/{self.paths.index(str(path))}"

    def program(self, path: Path) -> str:
        """With its directory, or with all of ``site-packages``: a program from a wheel brings its libraries along."""
        real = path.resolve()
        if real.is_relative_to("/usr"):
            return str(real)
        prefix = next((parent for parent in real.parents if parent.name == "site-packages"), real.parent)
        return f"{self.of(prefix)}/{real.relative_to(prefix)}"


def _write_etc(place: Path, instance: Instance, *, shared: bool) -> None:
    hosts = instance.workload.hosts
    addresses = ["127.0.0.1"] if len(hosts) == 1 else [pod.address(number) for number in range(1, len(hosts) + 1)]
    lines = ["127.0.0.1 localhost", "::1 localhost", *map(" ".join, zip(addresses, hosts, strict=True))]
    texts = {
        "hosts": "\n".join(lines),
        "hostname": instance.host,
        "passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
        "group": "root:x:0:\nnogroup:x:65534:",
        "resolv.conf": "# no network beyond this run",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns",
    }
    if shared:
        for name in ("hosts", "resolv.conf", "nsswitch.conf"):
            with suppress(OSError):  # what a machine lacks, its jobs do without
                machine = Path("/etc", name).read_text().rstrip("\n")
                texts[name] = f"{texts['hosts']}\n{machine}" if name == "hosts" else machine
    for name, text in texts.items():
        (place / name).write_text(text + "\n")
