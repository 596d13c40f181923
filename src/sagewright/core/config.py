"""The settings: one typed class; each field ``x_y`` is set by ``SAGEWRIGHT_X_Y`` or the flag ``--x-y``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

PREFIX = "SAGEWRIGHT_"


def _home(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback) / "sagewright"


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can choose. Every field has a default that works on a laptop."""

    host: str = "127.0.0.1"
    port: int = 4566
    tls: bool = False
    """Whether the port speaks HTTPS, with a certificate made for it, or the given one (PEM files)."""
    tls_cert: str = ""
    tls_key: str = ""
    insecure: bool = False
    """Allows an address that others can reach to go without TLS."""
    data_dir: Path = field(default_factory=lambda: _home("XDG_DATA_HOME", ".local/share"))
    cache_dir: Path = field(default_factory=lambda: _home("XDG_CACHE_HOME", ".cache"))
    """Environments are built here and shared by all servers of this user."""
    database_url: str = ""
    """SQLAlchemy URL; empty means SQLite in ``data_dir``."""
    ephemeral: bool = False
    account_id: str = "123456789012"
    default_region: str = "us-east-1"
    access_key_id: str = ""
    """The administrator's own key instead of the one made at first start."""
    secret_access_key: str = ""
    backend: str = "sandbox"
    """``sandbox`` (bubblewrap), ``warm`` (the same, started fast) or ``plain`` (no isolation; only when asked for)."""
    max_instances: int = 0
    """Instances of ending work (training and the like) at one time; 0 means twice the cores."""
    durability: str = "process"
    """What an acknowledged write survives: ``process`` a killed server, ``commit`` (fsync) a power cut as well."""
    stop_grace_seconds: float = 120.0
    log_limit_mb: int = 1024
    """MiB that one log stream may take; beyond it the oldest events go."""
    log_level: str = "INFO"

    @property
    def https(self) -> bool:
        """Whether the port speaks HTTPS."""
        return self.tls or bool(self.tls_cert)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Defaults, then ``SAGEWRIGHT_*`` variables, then ``overrides`` that are not None.

        Raises ``ValueError`` naming the variable when a value does not fit its type.
        """
        env = os.environ if env is None else env
        hints = get_type_hints(cls)
        found: dict[str, Any] = {}
        for item in fields(cls):
            variable = PREFIX + item.name.upper()
            if variable in env:
                found[item.name] = _convert(variable, env[variable], hints[item.name])
        found.update({name: value for name, value in overrides.items() if value is not None})
        return replace(cls(), **found)


def _convert(variable: str, text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("", "0", "false", "no", "off"):
            return False
        raise ValueError(f"{variable}={text!r} is not a yes or no")
    try:
        return Path(text).expanduser() if kind is Path else kind(text)
    except ValueError:
        raise ValueError(f"{variable}={text!r} is not of type {kind.__name__}") from None
