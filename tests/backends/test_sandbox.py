"""The sandbox keeps every promise of a backend."""

from pathlib import Path

import pytest

from sagewright.backends.base import Backend
from sagewright.backends.probe import job_network, probe
from sagewright.backends.sandbox import SandboxBackend
from sagewright.testing.backends import BackendCase

_MISSING = [finding for finding in probe() if finding.required and not finding.ok]


@pytest.mark.skipif(bool(_MISSING), reason=f"no sandbox on this machine: {_MISSING}")
class TestSandboxBackend(BackendCase):
    def make(self, root: Path, hint_socket: Path) -> Backend:
        return SandboxBackend(root, hint_socket)

    def test_the_doctor_sees_a_job_call(self) -> None:
        finding = job_network()
        assert finding.ok, finding
