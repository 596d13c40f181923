"""Starts of tens of milliseconds: a zygote is an interpreter of a job's environment that has imported the framework.

``server`` imports, waits for requests on its socket to our server, and forks. ``fork`` is what a forked process does:
it enters the sandbox that bubblewrap made for it, gives up every privilege, and runs the job's program in place. Both
use the standard library alone, in any Python that an environment may have.

Rules of the zygote: it never computes (a fork after an OpenMP region would hang), it has one thread, no secrets and no
open files but its socket, and it runs nothing that a user chose.
"""
