"""``sagewright env``: the variables with which unmodified SDKs and tools in a shell talk to this server.

What else the shell does must go on working: HTTPS to other hosts is tunnelled by the proxy, certificates that were
trusted stay trusted, and a user's own settings are merged with, not lost.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from sagewright.core.config import Settings
from sagewright.gateway.http import tls

CREDENTIALS = "credentials.json"
DEFAULTS = "sagemaker-defaults.yaml"
TELEMETRY_OFF = """\
# Read by the SageMaker Python SDK (SAGEMAKER_ADMIN_CONFIG_OVERRIDE): it would send usage data to a bucket of AWS.
SchemaVersion: "1.0"
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""
_STS = "sts.us-east-1.amazonaws.com"
_LOCAL = ("127.0.0.1", "localhost", "::1")


def exports(settings: Settings, url: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables to set in a shell whose variables are ``env``. ``url`` is the server's, ``http://host:port`` or https.

    Writes the files that the variables name under ``settings.data_dir``. Raises ``FileNotFoundError`` when no server
    has made its keys there yet.
    """
    env = os.environ if env is None else env
    keys = json.loads((settings.data_dir / CREDENTIALS).read_text())
    region = env.get("AWS_DEFAULT_REGION") or env.get("AWS_REGION") or settings.default_region
    without_proxy = _without_proxy(env, url)
    proxy = f"http://{urlsplit(url).netloc}"  # also of a server with TLS: clients check a proxy's name elsewhere
    found = {
        "AWS_ENDPOINT_URL": url,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # StartLiveTail would go to stream-127.0.0.1, which is nowhere
        "AWS_ACCESS_KEY_ID": keys["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": env.get("AWS_REGION") or region,
        "AWS_CA_BUNDLE": str(tls.bundle(settings.data_dir, env)),
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
    }
    # What would make clients ignore the keys or the endpoint above.
    found.update({name: "" for name in ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN") if env.get(name)})
    if env.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        found["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "false"
    if not env.get("SAGEMAKER_ADMIN_CONFIG_OVERRIDE") and not _site_defaults(env).exists():
        defaults = settings.data_dir / DEFAULTS
        tls.write(defaults, TELEMETRY_OFF.encode())
        found["SAGEMAKER_ADMIN_CONFIG_OVERRIDE"] = str(defaults)
    return found


def _without_proxy(env: Mapping[str, str], url: str) -> str:
    """NO_PROXY with this machine added. An entry that would keep STS away from us goes; the tunnel honours it still."""
    given = [entry.strip() for entry in (env.get("NO_PROXY") or env.get("no_proxy") or "").split(",")]
    kept = [
        entry for entry in given if entry and not proxy_bypass_environment("sts.us-east-1.amazonaws.com", {"no": entry})
    ]
    return ",".join(dict.fromkeys([*kept, *_LOCAL, urlsplit(url).hostname or _LOCAL[0]]))


def _site_defaults(env: Mapping[str, str]) -> Path:
    """Where the SDK looks for an administrator's defaults by itself."""
    if sys.platform == "darwin":
        return Path("/Library/Application Support/sagemaker/config.yaml")
    return Path((env.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)[0]) / "sagemaker" / "config.yaml"


def render(variables: Mapping[str, str], shell: str = "sh") -> str:
    """Commands that set ``variables``, for ``eval`` in ``sh`` (bash, zsh, dash) or ``fish``."""
    if shell == "sh":
        return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    if shell == "fish":
        return "".join(f"set -gx {name} {_fish(value)}\n" for name, value in variables.items())
    raise ValueError(f"no exports for the shell {shell!r}: choose sh or fish")


def _fish(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
