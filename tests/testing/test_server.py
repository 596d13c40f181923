"""``ServerProcess``, which we ship: a server for a test suite."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagewright.testing.server import ServerProcess


def test_it_ends_cleanly_and_leaves_nothing(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert (tmp_path / "data" / "credentials.json").stat().st_mode & 0o077 == 0
        pid = server.pid
    assert server.stop() == 0
    assert not server.leftovers()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file is in the way")
    with pytest.raises(RuntimeError, match="data"):
        ServerProcess(tmp_path / "data").start()


def test_reset_wipes_everything_but_the_keys(fresh: ServerProcess, client: Callable[..., Any]) -> None:
    client("s3").create_bucket(Bucket="short-lived")
    fresh.reset()
    assert client("s3").list_buckets()["Buckets"] == []


def test_reset_is_refused_where_state_is_kept(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", ephemeral=False) as server, pytest.raises(RuntimeError, match="reset"):
        server.reset()


def test_the_shell_reaches_the_server_even_at_hosts_the_sdks_hard_code(server: ServerProcess) -> None:
    shell = server.shell_env()
    assert shell["AWS_ENDPOINT_URL"] == server.url
    keys = server.credentials()
    assert (shell["AWS_ACCESS_KEY_ID"], shell["AWS_SECRET_ACCESS_KEY"]) == tuple(
        keys[name] for name in ("access_key_id", "secret_access_key")
    )
    who = "import boto3; print(boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com').get_caller_identity()['Account'])"
    done = subprocess.run(
        [sys.executable, "-c", who], env=shell, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip() == "123456789012", done.stderr
