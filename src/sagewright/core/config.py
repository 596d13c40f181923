"""The settings: one typed class; each field ``x_y`` is set by ``SAGEWRIGHT_X_Y`` or the flag ``--x-y``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

PREFIX = "SAGEWRIGHT_"
NO_SETTINGS = ("SAGEWRIGHT_SERVER_PROCESS",)
"""Variables that the server's process may have and that are not settings."""
NEAR = 0.8
"""How much of a misspelt name has to be like a setting's, as ``difflib`` counts."""


def _home(variable: str, fallback: str) -> Path:
    try:
        return Path(os.environ.get(variable) or Path.home() / fallback) / "sagewright"
    except RuntimeError:
        raise ValueError("this user has no home directory: set HOME, or both --data-dir and --cache-dir") from None


def _setting(default: Any, meaning: str, *, choices: tuple[str, ...] = (), flag: bool = True) -> Any:
    """A field with all that is known of it: flags, variables and the page in docs/ are made from this alone."""
    given = {"default_factory": default} if callable(default) else {"default": default}
    return field(**given, metadata={"meaning": meaning, "choices": choices, "flag": flag})


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can choose. Every field has a default that works on a laptop; secrets have no flags."""

    host: str = _setting("127.0.0.1", "address to listen on")
    port: int = _setting(4566, "port, 0 for a free one")
    tls: bool = _setting(False, "speak HTTPS, with a certificate made for it")
    tls_cert: str = _setting("", "speak HTTPS with the certificate in this file (PEM, with its chain)")
    tls_key: str = _setting("", "file of the certificate's key (PEM)")
    insecure: bool = _setting(False, "allow an address that others can reach to go without TLS")
    data_dir: Path = _setting(lambda: _home("XDG_DATA_HOME", ".local/share"), "where state is kept")
    cache_dir: Path = _setting(
        lambda: _home("XDG_CACHE_HOME", ".cache"), "where environments are built, shared by all servers of this user"
    )
    environments_gb: int = _setting(
        50, "GiB that environments may take together; beyond it the least recently used that no work needs are deleted"
    )
    build_seconds: float = _setting(
        1800.0, "seconds in which the packages of a requirements.txt have to be installed, or the job fails"
    )
    database_url: str = _setting("", "SQLAlchemy URL, such as postgresql://…; empty: SQLite in data_dir", flag=False)
    s3_bucket: str = _setting(
        "", "bucket of an S3 elsewhere (MinIO, Ceph, AWS) for the bytes of objects; empty: files in data_dir"
    )
    s3_prefix: str = _setting("sagewright", "what the names of those bytes begin with, this installation's alone")
    s3_endpoint_url: str = _setting("", "URL of that S3; empty: AWS's for s3_region")
    s3_ca_file: str = _setting("", "file of the authority (PEM) to trust for its HTTPS; empty: those of the system")
    s3_region: str = _setting("us-east-1", "the region that requests to it are signed for")
    s3_credentials_file: str = _setting(
        "", "file with its keys, like ~/.aws/credentials; empty: AWS_* variables, that file, the machine's role"
    )
    s3_profile: str = _setting("", "the profile in that file")
    s3_timeout_seconds: float = _setting(20.0, "seconds of its silence after which a request to it has failed")
    s3_cache_mb: int = _setting(10240, "MiB of those bytes that are kept on this machine's disk for reading")
    samples: str = _setting(
        "read",
        "AWS's public sample buckets that are not held here: read from AWS when asked for, and kept, or unknown",
        choices=("read", "off"),
    )
    samples_url: str = _setting("", "the S3 that they are read from, such as another Sagewright's; empty: AWS's")
    samples_cache_mb: int = _setting(10240, "MiB of them that are kept; beyond it what was not read for longest goes")
    ephemeral: bool = _setting(False, "keep nothing; allow POST /_sagewright/reset")
    account_id: str = _setting("123456789012", "the AWS account that everything is in")
    default_region: str = _setting("us-east-1", "the region of requests that name none")
    access_key_id: str = _setting("", "the administrator's own key instead of the one made at first start", flag=False)
    secret_access_key: str = _setting("", "its secret", flag=False)
    roles: str = _setting(
        "auto",
        "what becomes of a role that is not there: an error, or it is made when it is first used; auto: made with "
        "ephemeral",
        choices=("auto", "strict", "create"),
    )
    backend: str = _setting(
        "sandbox",
        "how work is run: in bubblewrap, the same but started fast, or (only when asked for) without isolation",
        choices=("sandbox", "warm", "plain"),
    )
    job_network: str = _setting(
        "server",
        "what jobs reach: nothing, this server as their role, or (only when asked for) all that this machine reaches",
        choices=("none", "server", "host"),
    )
    max_instances: int = _setting(0, "instances of jobs at one time, 0 for twice the cores")
    durability: str = _setting(
        "process",
        "what an acknowledged write survives: a killed server, or a power cut as well",
        choices=("process", "commit"),
    )
    stop_grace_seconds: float = _setting(120.0, "seconds between SIGTERM and SIGKILL when a job is stopped")
    log_limit_mb: int = _setting(1024, "MiB that one log stream may take; beyond it the oldest events go")
    process_limit: int = _setting(4096, "processes and threads that an instance of a job or endpoint may have")
    disk_limit_gb: int = _setting(
        0, "GiB of disk that an instance of a job or endpoint may take; 0 for the job's VolumeSizeInGB, or 30"
    )
    disk_reserve_mb: int = _setting(1024, "MiB of free disk below which a job that goes on writing is ended")
    log_level: str = _setting(
        "INFO", "what the server tells on standard error", choices=("DEBUG", "INFO", "WARNING", "ERROR")
    )

    @property
    def https(self) -> bool:
        """Whether the port speaks HTTPS."""
        return self.tls or bool(self.tls_cert)

    @property
    def makes_roles(self) -> bool:
        """Whether a role that is not there is made at its first use."""
        return self.roles == "create" or (self.roles == "auto" and self.ephemeral)

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
                found[item.name] = convert(variable, env[variable], hints[item.name])
        found.update({name: value for name, value in overrides.items() if value is not None})
        made = cls(**found)
        for item in fields(cls):
            value, choices = getattr(made, item.name), item.metadata["choices"]
            if choices and value not in choices:
                raise ValueError(f"{PREFIX}{item.name.upper()}={value!r} is none of {', '.join(choices)}")
        if not 0 <= made.port <= 65535:
            raise ValueError(f"{PREFIX}PORT={made.port} is not a port from 0 to 65535")
        return made


def misspelt(env: Mapping[str, str]) -> dict[str, str]:
    """Variables that begin as ours do and are none → the setting that is most likely meant, empty if none is near."""
    known = [PREFIX + item.name.upper() for item in fields(Settings)]
    return {
        variable: "".join(get_close_matches(variable, known, 1, NEAR))
        for variable in sorted(env)
        if variable.startswith(PREFIX) and variable not in known and variable not in NO_SETTINGS
    }


def convert(variable: str, text: str, kind: type) -> Any:
    """``text`` as ``kind``; raises ``ValueError`` naming the variable."""
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
