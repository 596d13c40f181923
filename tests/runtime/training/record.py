"""Record what the real toolkit does: ``python tests/runtime/training/record.py PYTHON``.

PYTHON has ``sagemaker-training==5.1.4`` installed. It is asked to keep the program's errors, as the images of AWS do.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from cases import CASES, run

DRIVER = """
from sagemaker_training import entry_point, trainer
plain = entry_point.run
entry_point.run = lambda *a, **k: plain(*a, capture_error=True, **k)
trainer.train()
"""

if __name__ == "__main__":
    golden = {}
    for case in CASES:
        with tempfile.TemporaryDirectory() as directory:
            golden[case.name] = run(case, Path(directory).resolve(), [sys.argv[1], "-c", DRIVER])
    text = json.dumps(golden, indent=1, sort_keys=True)
    Path(__file__).with_name("golden.json").write_text(text + "\n")
