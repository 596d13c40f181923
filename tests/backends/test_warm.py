"""The warm backend keeps every promise of a backend, and those of a warm start."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sagewright.backends.base import Backend
from sagewright.backends.probe import probe
from sagewright.backends.warm import WarmBackend
from sagewright.testing.backends import BackendCase
from sagewright.testing.runs import Bench

_MISSING = [finding for finding in probe() if finding.required and not finding.ok]


@pytest.mark.skipif(bool(_MISSING), reason=f"no sandbox on this machine: {_MISSING}")
class TestWarmBackend(BackendCase):
    def make(self, root: Path, hint_socket: Path) -> Backend:
        return WarmBackend(root, hint_socket, modules=lambda _: ("numpy.random", "wave"))

    @pytest.fixture
    def bench(self, tmp_path_factory: pytest.TempPathFactory, environment: str) -> Iterator[Bench]:
        bench = Bench(self.make, tmp_path_factory.mktemp("b"), environment)
        assert bench.backend.warm_up(environment)
        yield bench
        bench.close()
