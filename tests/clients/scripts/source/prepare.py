"""A small processing script: splits what it finds, says how many rows, and uses what requirements.txt asks for."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path("/opt/ml/processing")

lines = (ROOT / "data/iris.csv").read_text().splitlines(keepends=True)
every = int(sys.argv[sys.argv.index("--every") + 1])
(ROOT / "train/train.csv").write_text("".join(line for number, line in enumerate(lines) if number % every))
(ROOT / "test/test.csv").write_text("".join(line for number, line in enumerate(lines) if not number % every))
library = "no library"
if importlib.util.find_spec("humanize"):
    import humanize

    library = humanize.intcomma(1234567)
print(f"rows={len(lines)} library={library}")
Path("/opt/ml/output/message").write_text(f"{len(lines)} rows")
