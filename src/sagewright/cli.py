"""The ``sagewright`` command: up, env, backup, restore, doctor, demo."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints
from urllib.parse import urlsplit

from sagewright import __version__
from sagewright.core.config import Settings, misspelt

if TYPE_CHECKING:
    from sagewright.store.backup import Elsewhere


CONNECT_SECONDS = 5.0
INTERRUPTED = 130
"""What a shell calls the exit code of a program that Ctrl-C ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ValueError, OSError, RuntimeError) as error:
        _say(_sentence(error))
        return 2


def _say(text: str) -> None:
    print(f"sagewright: {text}", file=sys.stderr, flush=True)


def _sentence(error: Exception) -> str:
    """What an error says, without Python's words around it."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sagewright", description="Amazon SageMaker's API on your own machine.")
    parser.add_argument("--version", action="version", version=f"sagewright {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="start the server; prints 'ready URL' when it serves, ends on SIGTERM")
    _add_settings(up)
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

    backup.add_argument("--with-objects", action="store_true", help="fetch the bytes of objects in an external S3, too")

    samples = commands.add_parser("samples", help="hold AWS's public sample buckets where there is no internet")
    add = samples.add_subparsers(required=True, metavar="ACTION").add_parser(
        "add", help="make a public sample bucket hold the files of a folder, under their paths below it"
    )
    add.add_argument("bucket", help="its name, such as sagemaker-sample-files")
    add.add_argument("folder", type=Path, help="the folder; also while the server runs")
    add.add_argument("--data-dir", type=Path, help="the server's data directory")
    add.set_defaults(run=_samples_add)

    doctor = commands.add_parser("doctor", help="say what this machine can do, and what to install")
    doctor.set_defaults(run=_doctor)

    demo = commands.add_parser("demo", help="how to watch a model being trained, deployed and asked")
    demo.set_defaults(run=_demo)
    return parser


def _add_settings(command: argparse.ArgumentParser) -> None:
    """A flag for each setting that is no secret."""
    hints = get_type_hints(Settings)
    for item in fields(Settings):
        if not item.metadata["flag"]:
            continue
        flag, help_ = "--" + item.name.replace("_", "-"), item.metadata["meaning"]
        if hints[item.name] is bool:
            command.add_argument(flag, action="store_true", default=None, help=help_)
        else:
            choices = item.metadata["choices"] or None
            command.add_argument(flag, type=hints[item.name], choices=choices, help=help_)


def _settings(arguments: argparse.Namespace, **more: Any) -> Settings:
    given: dict[str, Any] = {item.name: getattr(arguments, item.name, None) for item in fields(Settings)}
    return Settings.from_env(None, **{**given, **more})


def _warn_of_misspelt_variables() -> None:
    for variable, meant in misspelt(os.environ).items():
        _say(f"{variable} has no effect" + (f": is {meant} meant?" if meant else ""))


def _up(arguments: argparse.Namespace) -> int:
    from sqlalchemy.exc import DBAPIError

    from sagewright.bootstrap import Installation
    from sagewright.store.outages import outage

    settings = _settings(arguments)
    _warn_of_misspelt_variables()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)  # an outage is told once, by those it stops
    with ExitStack() as stack:
        if settings.ephemeral and arguments.data_dir is None:
            _unwind_at_signals()
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="sagewright-"))
            settings = _settings(arguments, data_dir=Path(scratch))
        ended = threading.Event()
        try:
            installation = Installation(settings)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: ended.set())
            url = installation.start()
        except DBAPIError as error:
            why = outage(error) or str(error.orig)
            raise RuntimeError(f"the database cannot be used: {why} ({_database_of(settings)})") from None
        try:
            print(f"ready {url}", flush=True)
            print(f'in another shell: eval "$({_command("env", settings)})"', file=sys.stderr, flush=True)
            ended.wait()
        finally:
            installation.stop()
    return 0


def _database_of(settings: Settings) -> str:
    """Which database, without a password."""
    if settings.database_url:
        return "SAGEWRIGHT_DATABASE_URL"
    return f"{settings.data_dir / 'sagewright.db'}; `sagewright restore` makes a new one of a backup"


def _unwind_at_signals() -> None:
    """Let a signal end the start as an error would, so that the scratch directory goes; else it ends us on the spot."""

    def interrupt(number: int, _frame: object) -> None:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)


def _command(name: str, settings: Settings) -> str:
    """How to type this program's command ``name`` in a shell that has none of our variables."""
    words = [str(Path(sys.argv[0]).absolute()), name]
    if settings.data_dir != Settings.from_env({}).data_dir:
        words += ["--data-dir", str(settings.data_dir.absolute())]
    return shlex.join(words)


def _env(arguments: argparse.Namespace) -> int:
    from sagewright.gateway.shell_exports import exports, render

    settings = _settings(arguments)
    _warn_of_misspelt_variables()
    try:
        url = json.loads((settings.data_dir / "server.json").read_text())["url"]
    except FileNotFoundError:
        raise ValueError(
            f"no server has run with --data-dir {settings.data_dir}: start one by `sagewright up`"
        ) from None
    print(render(exports(settings, url)))
    if _answers(url):
        return 0
    # Without the exports the next call in this shell would go to AWS itself, so they are printed all the same.
    _say(f"nothing listens at {url}: start the server by `{_command('up', settings)}`, and type this again")
    return 1


def _answers(url: str) -> bool:
    """Whether something listens there."""
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname, address.port), CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _backup(arguments: argparse.Namespace) -> int:
    from sagewright.store.backup import backup
    from sagewright.store.database import Database, sqlite_url

    settings = _settings(arguments)
    _warn_of_misspelt_variables()
    database = Database(settings.database_url or sqlite_url(settings.data_dir))
    with _elsewhere(settings) as elsewhere:
        backup(database, settings.data_dir.resolve(), arguments.file.resolve(), elsewhere, whole=arguments.with_objects)
    database.close()
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from sagewright.store.backup import restore
    from sagewright.store.database import Database

    settings = _settings(arguments)
    _warn_of_misspelt_variables()
    database = Database(settings.database_url) if settings.database_url else None
    with _elsewhere(settings) as elsewhere:
        lost = restore(arguments.file.resolve(), database, settings.data_dir.resolve(), elsewhere)
    if lost:
        print(f"{lost} objects cannot be read: their bytes were deleted after the backup", file=sys.stderr)
    return 0


def _samples_add(arguments: argparse.Namespace) -> int:
    from sagewright.store import migrate
    from sagewright.store.database import Database, sqlite_url
    from sagewright.store.objects.read_through import ReadThrough

    settings = _settings(arguments)
    if not arguments.folder.is_dir():
        raise ValueError(f"{arguments.folder} is not a folder")
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_url or sqlite_url(settings.data_dir))
    migrate.upgrade(database)
    with _elsewhere(settings) as elsewhere:
        storage = elsewhere.storage if elsewhere is not None else None
        store = ReadThrough(database, settings.data_dir / "objects", storage=storage, upstream=None, limit=0)
        count = store.fill(arguments.bucket, arguments.folder)
        store.close()
    database.close()
    print(f"{arguments.bucket} holds {count} files of {arguments.folder}")
    return 0


@contextmanager
def _elsewhere(settings: Settings) -> Iterator[Elsewhere | None]:
    """The S3 that the settings name, with a cache that is thrown away."""
    from sagewright.store.backup import Elsewhere
    from sagewright.store.objects.remote import Remote, tried
    from sagewright.store.objects.s3_client import Location

    location = Location.of(settings)
    if location is None:
        yield None
        return
    if wrong := tried(location):
        raise OSError(wrong)
    with tempfile.TemporaryDirectory(prefix="sagewright-") as scratch:
        remote = Remote(location, Path(scratch), 0)
        try:
            yield Elsewhere(remote, location.uri)
        finally:
            remote.close()


def _doctor(arguments: argparse.Namespace) -> int:
    from sagewright.backends.probe import Finding, job_network, probe, warm_start
    from sagewright.environments.builder import Builder
    from sagewright.store.objects.remote import tried
    from sagewright.store.objects.s3_client import Location

    settings = _settings(arguments)
    _warn_of_misspelt_variables()
    findings = probe()
    unusable = Builder(settings.cache_dir).unusable()
    findings.append(Finding("environments", not unusable, unusable or str(settings.cache_dir), required=True))
    if all(finding.ok for finding in findings if finding.required):
        findings += [job_network(), warm_start()]
    location = Location.of(settings)
    if location is not None:
        wrong = tried(location)
        findings.append(Finding("object store", not wrong, wrong or str(location), required=True))
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
