"""The exports of ``sagewright env``."""

from __future__ import annotations

import json
import ssl
import subprocess
from pathlib import Path

import pytest

from sagewright.core.config import Settings
from sagewright.gateway import shell_exports as shell
from sagewright.gateway.http import tls

URL = "http://127.0.0.1:4566"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "credentials.json").write_text(json.dumps({"access_key_id": "AK", "secret_access_key": "it's $ecret"}))
    return Settings(data_dir=tmp_path)


def test_a_plain_shell(settings: Settings) -> None:
    found = shell.exports(settings, URL, {"XDG_CONFIG_DIRS": "/nowhere"})
    assert found["AWS_ENDPOINT_URL"] == found["HTTPS_PROXY"] == found["https_proxy"] == URL
    assert (found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"]) == ("AK", "it's $ecret")
    assert found["AWS_DEFAULT_REGION"] == found["AWS_REGION"] == "us-east-1"
    assert found["NO_PROXY"] == found["no_proxy"] == "127.0.0.1,localhost,::1"
    assert "TelemetryOptOut: true" in Path(found["SAGEMAKER_ADMIN_CONFIG_OVERRIDE"]).read_text()
    assert "AWS_SESSION_TOKEN" not in found


def test_what_the_user_chose_stays(settings: Settings, tmp_path: Path) -> None:
    env = {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "NO_PROXY": "intranet.example, .amazonaws.com,localhost",
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": "/mine.yaml",
    }
    found = shell.exports(settings, "http://10.1.2.3:80", env)
    assert found["AWS_DEFAULT_REGION"] == found["AWS_REGION"] == "eu-west-1"
    assert found["NO_PROXY"] == "intranet.example,localhost,127.0.0.1,::1,10.1.2.3"
    assert "SAGEMAKER_ADMIN_CONFIG_OVERRIDE" not in found
    site = tmp_path / "xdg" / "sagemaker" / "config.yaml"
    site.parent.mkdir(parents=True)
    site.write_text("")
    assert "SAGEMAKER_ADMIN_CONFIG_OVERRIDE" not in shell.exports(settings, URL, {"XDG_CONFIG_DIRS": f"{tmp_path}/xdg"})


def test_what_would_defeat_the_exports_goes(settings: Settings) -> None:
    env = {"AWS_SESSION_TOKEN": "old", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "NO_PROXY": "*"}
    found = shell.exports(settings, URL, env)
    assert found["AWS_SESSION_TOKEN"] == ""
    assert found["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] == "false"
    assert "*" not in found["NO_PROXY"]


def test_the_bundle_trusts_us_and_whom_the_user_trusted(settings: Settings, tmp_path: Path) -> None:
    usual = Path(shell.exports(settings, URL, {})["AWS_CA_BUNDLE"])
    authority = tls.identity(tmp_path).authority.read_text().strip()
    assert authority in usual.read_text()
    assert usual.read_text().count("BEGIN CERTIFICATE") > 50
    ssl.create_default_context(cafile=str(usual))
    own = tmp_path / "corporate.pem"
    own.write_text(tls.identity(tmp_path / "other").authority.read_text())
    path = shell.exports(settings, URL, {"AWS_CA_BUNDLE": str(own)})["AWS_CA_BUNDLE"]
    bundle = Path(path).read_text()
    assert own.read_text().strip() in bundle
    assert bundle.count("BEGIN CERTIFICATE") == 2
    assert shell.exports(settings, URL, {"AWS_CA_BUNDLE": path})["AWS_CA_BUNDLE"] == path  # eval twice in one shell


def test_without_keys_there_is_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        shell.exports(Settings(data_dir=tmp_path), URL, {})


@pytest.mark.parametrize("program", ["sh", "bash"])
def test_shells_read_what_is_rendered(program: str) -> None:
    values = {"A": "plain", "B": 'it\'s "quoted" $HOME `id` \\ end', "C": "", "D": "two\nlines", "E": "*;&|<>"}
    script = shell.render(values) + "exec env -0"
    printed = subprocess.run([program, "-c", script], capture_output=True, check=True).stdout.decode()
    seen = dict(pair.split("=", 1) for pair in printed.split("\0") if pair)
    assert {name: seen[name] for name in values} == values


def test_fish_has_its_own_quotes() -> None:
    assert shell.render({"A": "it's \\ $x"}, "fish") == "set -gx A 'it\\'s \\\\ $x'\n"


def test_an_unknown_shell_is_an_error() -> None:
    with pytest.raises(ValueError, match="choose sh or fish"):
        shell.render({}, "csh")
