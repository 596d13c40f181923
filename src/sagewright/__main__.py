"""The program ``sagewright``, also ``python -m sagewright``."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules are loaded ends us, without a traceback
    from sagewright import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
