"""Run an example against a server of its own, in the environment of the SDK it is about.

    python examples/run.py churn_sdk_v2.py

The server is started on a free port with a temporary data folder, the example runs in the shell that
``sagewright env`` sets up, and the server is ended. What the example exits with, this exits with.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sagewright.testing.server import ServerProcess

HERE = Path(__file__).parent
ROOT = HERE.parent


def main() -> int:
    example = HERE / sys.argv[1]
    client = "v3" if example.stem.endswith("v3") else "v2"
    subprocess.run(["make", "--silent", f".clients/{client}/.ready"], cwd=ROOT, check=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sagewright-") as folder, ServerProcess(Path(folder) / "data") as server:
        print(f"→ a server at {server.url}\n  {time.monotonic() - start:.1f} s", flush=True)
        python = ROOT / ".clients" / client / "bin" / "python"
        quiet = {"SAGEMAKER_SUPPRESS_V2_WARNING": "1", "PYTHONWARNINGS": "ignore"}
        code = subprocess.run([python, example], check=False, env={**server.shell_env(), **quiet}).returncode
        if code:
            print(f"\nthe example failed; the end of the server's log:\n{server.log_tail()}", file=sys.stderr)
    print(f"{'FAILED' if code else 'done'} in {time.monotonic() - start:.1f} s, from server start to server end")
    return code


if __name__ == "__main__":
    sys.exit(main())
