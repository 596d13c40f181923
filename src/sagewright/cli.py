"""The ``sagewright`` command: up, env, backup, restore, doctor, demo."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sagewright import __version__
from sagewright.core.config import Settings

SETTING_FLAGS = (
    "host",
    "port",
    "tls_cert",
    "tls_key",
    "data_dir",
    "cache_dir",
    "backend",
    "max_instances",
    "durability",
    "log_level",
)
SETTING_SWITCHES = ("ephemeral", "tls", "insecure")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (ValueError, OSError, RuntimeError) as error:
        print(f"sagewright: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sagewright", description="Amazon SageMaker's API on your own machine.")
    parser.add_argument("--version", action="version", version=f"sagewright {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="start the server; prints 'ready URL' when it serves, ends on SIGTERM")
    up.add_argument("--host", help="address to listen on (127.0.0.1)")
    up.add_argument("--port", type=_port, help="port, 0 for a free one (4566)")
    up.add_argument("--tls", action="store_true", default=None, help="speak HTTPS, with a certificate made for it")
    up.add_argument("--tls-cert", metavar="FILE", help="speak HTTPS with this certificate (PEM, with its chain)")
    up.add_argument("--tls-key", metavar="FILE", help="the certificate's key")
    up.add_argument(
        "--insecure", action="store_true", default=None, help="allow a --host that others can reach without TLS"
    )
    up.add_argument("--data-dir", type=Path, help="where state is kept")
    up.add_argument("--cache-dir", type=Path, help="where environments are built")
    up.add_argument("--backend", choices=("sandbox", "warm", "plain"), help="how work is run (sandbox)")
    up.add_argument("--max-instances", type=int, help="instances of jobs at one time (twice the cores)")
    up.add_argument("--durability", choices=("commit", "process"), help="what a write survives: a power cut, or a kill")
    up.add_argument("--log-level", help="DEBUG, INFO, WARNING")
    up.add_argument(
        "--ephemeral", action="store_true", default=None, help="keep nothing; allow POST /_sagewright/reset"
    )
    up.set_defaults(run=_up)

    env = commands.add_parser("env", help='print shell exports for unmodified SDKs and tools: eval "$(sagewright env)"')
    env.add_argument("--data-dir", type=Path, help="the server's data directory")
    env.set_defaults(run=_env)

    backup = commands.add_parser("backup", help="write everything to one file, while the server goes on serving")
    restore = commands.add_parser("restore", help="make a new data directory from such a file, and fill a new database")
    for command, run in ((backup, _backup), (restore, _restore)):
        command.add_argument("file", type=Path, help="a tar file; gzipped if its name ends in gz")
        command.add_argument("--data-dir", type=Path, help="the server's data directory")
        command.set_defaults(run=run)

    doctor = commands.add_parser("doctor", help="say what this machine can do, and what to install")
    doctor.set_defaults(run=_doctor)

    demo = commands.add_parser("demo", help="how to watch a model being trained, deployed and asked")
    demo.set_defaults(run=_demo)
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _settings(arguments: argparse.Namespace, **more: Any) -> Settings:
    given: dict[str, Any] = {name: getattr(arguments, name, None) for name in (*SETTING_FLAGS, *SETTING_SWITCHES)}
    return Settings.from_env(None, **{**given, **more})


def _up(arguments: argparse.Namespace) -> int:
    from sagewright.bootstrap import Installation

    settings = _settings(arguments)
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)  # an outage is told once, by those it stops
    with tempfile.TemporaryDirectory(prefix="sagewright-") as scratch:
        if settings.ephemeral and arguments.data_dir is None:
            settings = _settings(arguments, data_dir=Path(scratch))
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        installation = Installation(settings)
        url = installation.start()
        try:
            print(f"ready {url}", flush=True)
            ended.wait()
        finally:
            installation.stop()
    return 0


def _env(arguments: argparse.Namespace) -> int:
    from sagewright.gateway.shell import exports, render

    settings = _settings(arguments)
    try:
        url = json.loads((settings.data_dir / "server.json").read_text())["url"]
    except FileNotFoundError:
        raise ValueError(
            f"no server has run with --data-dir {settings.data_dir}: start one by `sagewright up`"
        ) from None
    print(render(exports(settings, url)))
    return 0


def _backup(arguments: argparse.Namespace) -> int:
    from sagewright.store.backup import backup
    from sagewright.store.database import Database, sqlite_url

    settings = _settings(arguments)
    database = Database(settings.database_url or sqlite_url(settings.data_dir))
    backup(database, settings.data_dir.resolve(), arguments.file.resolve())
    database.close()
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from sagewright.store.backup import restore
    from sagewright.store.database import Database

    settings = _settings(arguments)
    database = Database(settings.database_url) if settings.database_url else None
    restore(arguments.file.resolve(), database, settings.data_dir.resolve())
    return 0


def _doctor(_arguments: argparse.Namespace) -> int:
    from sagewright.backends.probe import probe, warm_start

    findings = probe()
    if all(finding.ok for finding in findings if finding.required):
        findings.append(warm_start())
    for finding in findings:
        print(f"{'ok  ' if finding.ok else 'MISS'}  {finding.name}: {finding.detail}")
        if not finding.ok and finding.remedy:
            print(f"      {finding.remedy}")
    return 0 if all(finding.ok for finding in findings if finding.required) else 1


def _demo(_arguments: argparse.Namespace) -> int:
    examples = Path(__file__).parents[2] / "examples" / "run.py"
    if not examples.exists():
        raise ValueError("the examples are part of the source tree: clone the project and run `make demo`")
    return subprocess.run(["make", "-C", str(examples.parents[1]), "demo"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
