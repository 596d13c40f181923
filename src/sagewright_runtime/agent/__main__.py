"""``python -I -S <this file> <instance directory> [<line>]``: run the agent of one instance as a daemon."""

import os
import sys

if __name__ == "__main__":
    # At the end of the path: the standard library must win over whatever lies beside the package.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from sagewright_runtime.agent.daemon import main

    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
