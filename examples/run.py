"""Run an example against a server of its own, in the environment of the SDK it is about.

    python examples/run.py churn_sdk_v2.py

The server is started on a free port with a temporary data folder, the example runs in the shell that
``sagewright env`` sets up, and the server is ended. What the example exits with, this exits with.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sagewright.testing.server import ServerProcess

HERE = Path(__file__).parent
ROOT = HERE.parent
INTERRUPTED = 130


def main() -> int:
    names = sorted(path.name for path in HERE.glob("*_*.py") if path.name != "churn_data.py")
    if len(sys.argv) != 2 or sys.argv[1] not in names:
        print(f"usage: python examples/run.py {'|'.join(names)}", file=sys.stderr)
        return 2
    example = HERE / sys.argv[1]
    client = "v3" if example.stem.endswith("v3") else "v2"
    if made := subprocess.run(["make", "--silent", f".clients/{client}/.ready"], cwd=ROOT, check=False).returncode:
        return made
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sagewright-") as folder, ServerProcess(Path(folder) / "data") as server:
        print(f"→ a server at {server.url}\n  {time.monotonic() - start:.1f} s", flush=True)
        python = ROOT / ".clients" / client / "bin" / "python"
        quiet = {"SAGEMAKER_SUPPRESS_V2_WARNING": "1", "PYTHONWARNINGS": "ignore"}
        code = _run([python, example], {**server.shell_env(), **quiet})
        troubles = [line for line in server.log_tail().splitlines() if " WARNING " in line or " ERROR " in line]
        if code and troubles:
            print("\n".join(["", "what the server's log says:", *troubles]), file=sys.stderr)
    print(f"{'FAILED' if code else 'done'} in {time.monotonic() - start:.1f} s, from server start to server end")
    return code


def _run(command: list[Path], env: dict[str, str]) -> int:
    """Run a program to its end. Ctrl-C ends it too, but with SIGTERM, so that Python prints no traceback."""
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited by the program
    with subprocess.Popen(command, env=env) as process:
        signal.signal(signal.SIGINT, usual)
        try:
            return process.wait()
        finally:
            process.terminate()
            process.wait()  # Popen itself waits a moment only, after an interrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        sys.exit(f"the example could not be run: {error}")
