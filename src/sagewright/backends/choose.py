"""From the settings to a backend. What the operator asked for, or an error that says how to get it; never less."""

from __future__ import annotations

from pathlib import Path

from sagewright.backends.base import Backend, Doors
from sagewright.backends.local import LocalBackend
from sagewright.backends.plain import PlainBackend
from sagewright.backends.probe import probe
from sagewright.backends.sandbox import SandboxBackend
from sagewright.backends.warm import WarmBackend
from sagewright.core.config import Settings


class BackendUnavailable(Exception):
    """The backend that the settings name cannot run here."""


def choose(settings: Settings, hint_socket: Path | None = None, doors: Doors | None = None) -> Backend:
    """The backend that ``settings.backend`` names, keeping its runs in ``data_dir/runs``; jobs call ``doors``.

    Raises ``BackendUnavailable`` with the remedy when this machine cannot run it.
    """
    found = _named(settings, hint_socket)
    found.log_limit = settings.log_limit_mb << 20
    found.network, found.doors = settings.job_network, doors
    found.disk_reserve = settings.disk_reserve_mb << 20
    return found


def _named(settings: Settings, hint_socket: Path | None) -> LocalBackend:
    root = settings.data_dir / "runs"
    if settings.backend == "plain":
        return PlainBackend(root, hint_socket)
    if settings.backend not in ("sandbox", "warm"):
        raise BackendUnavailable(f"SAGEWRIGHT_BACKEND={settings.backend!r} is none of 'sandbox', 'warm' and 'plain'")
    missing = [finding for finding in probe() if finding.required and not finding.ok]
    if missing:
        said = "\n".join(
            f"  {finding.name}: {finding.detail}" + (f"\n    try: {finding.remedy}" if finding.remedy else "")
            for finding in missing
        )
        raise BackendUnavailable(
            f"this machine cannot run jobs in a sandbox:\n{said}\n"
            "SAGEWRIGHT_BACKEND=plain runs them without isolation, as this user; only for code that you trust."
        )
    return WarmBackend(root, hint_socket) if settings.backend == "warm" else SandboxBackend(root, hint_socket)
