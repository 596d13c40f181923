"""The server's half of a job's door (``sagewright_runtime.agent.door``): what it is told, and how it is fetched."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagewright.backends.base import Workload
from sagewright.wire.http import Door
from sagewright_runtime.shared import pod
from sagewright_runtime.shared.door_address import ADDRESS, MARK, NAME

_PATIENCE_SECONDS = 0.5


def order(workload: Workload, secret: str, *, shared: bool, files: Mapping[str, str]) -> dict[str, Any]:
    """The member ``door`` of agent.json: who comes by it, and the variables with which SDKs find it.

    ``files`` are ``trust`` and ``defaults`` as the process sees them. STS is called under its own name whatever
    AWS_ENDPOINT_URL says, so it is reached by proxy; between the hosts of a run there is none. The ``secret`` of the
    run is part of the credentials' path: in a network that is ``shared`` it is all that keeps others from them.
    """
    path = f"/v2/credentials/{secret}"
    near = ["localhost", "127.0.0.1", "::1", ADDRESS, *workload.hosts]
    if len(workload.hosts) > 1:
        near += [pod.address(number) for number in range(1, len(workload.hosts) + 1)]
    proxy, direct = f"http://{MARK}", ",".join(near)
    full = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{MARK}{path}"}
    env = {
        **(full if shared else {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": path}),
        "AWS_ENDPOINT_URL": f"http://{MARK}" if shared else f"http://{ADDRESS}",
        "AWS_CA_BUNDLE": files["trust"],
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": files["defaults"],
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": direct,
        "no_proxy": direct,
    }
    return {"shared": shared, "role": workload.role, "path": path, "env": env}


def described(run_id: str, asked: Mapping[str, Any]) -> Door:
    """The door that ``order`` made."""
    return Door(run_id, asked["role"], asked["path"], tunnels=asked["shared"])


def fetch(directory: Path) -> tuple[socket.socket, socket.socket] | None:
    """The socket that listens for the instance in ``directory``, and one that is hung up when its agent ends; None
    when it has none (yet, or any more)."""
    lifeline = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    lifeline.settimeout(_PATIENCE_SECONDS)
    try:
        here = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            lifeline.connect(f"/proc/self/fd/{here}/{NAME}")
        finally:
            os.close(here)
        _, descriptors, _, _ = socket.recv_fds(lifeline, 16, 1)
    except OSError:
        descriptors = []
    if not descriptors:
        lifeline.close()
        return None
    return socket.socket(fileno=descriptors[0]), lifeline
