"""``python <this file> <descriptor of the socket to the server> <module …>``: be a zygote, and in its forks a job."""

import os
import sys

if __name__ == "__main__":
    _pristine = sys.path[1:]
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from sagewright_runtime.zygote import server

    _run = server.serve(int(sys.argv[1]), sys.argv[2:], _pristine)
    # At the bottom of the stack, so that the interpreter itself ends the job: exit handlers, threads, open files.
    sys.exit(_run())
