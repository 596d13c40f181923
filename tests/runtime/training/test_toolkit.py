"""Our ``train`` against the recorded behaviour of the toolkit it stands for: variables, arguments, exits, failures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.kit.training_cases import CASES, Case, run

import sagewright_runtime

TRAIN = Path(sagewright_runtime.__file__).parent / "bin/train"
GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_does_what_the_toolkit_does(case: Case, tmp_path: Path) -> None:
    assert run(case, tmp_path, [sys.executable, str(TRAIN)]) == GOLDEN[case.name]
