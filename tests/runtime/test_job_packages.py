"""What a job installs itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sagewright_runtime import job_packages


def test_what_the_server_installed_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    monkeypatch.delenv("SAGEWRIGHT_REQUIREMENTS_LAYERED", raising=False)
    assert not job_packages.listed(str(tmp_path))
    (tmp_path / "requirements.txt").write_text("six")
    assert job_packages.listed(str(tmp_path))
    for own in ([], ["./own"]):
        (tmp_path / ".complete").write_text(json.dumps({"requirements": ["six"], "own": own}))
        assert job_packages.listed(str(tmp_path)) == bool(own)


def test_a_failure_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_PREFIX", str(tmp_path))
    with pytest.raises(job_packages.InstallFailed, match=r"(?s)nowhere-to-be-found.*reaches no package index"):
        job_packages.install(["nowhere-to-be-found"])
