"""Starts of tens of milliseconds: a zygote is an interpreter of a job's environment that has imported the framework.

``nursery`` imports, waits on the server's line and forks; ``tenant`` is what a fork becomes: a process that moves into
the sandbox that bubblewrap made for it, gives up everything, and runs the job's program in place. Standard library
alone, and any Python that an environment may have.

Rules of the nursery: it never computes (a fork after an OpenMP region would hang), it has one thread, no secrets and no
open files but its line, and it runs nothing that a user chose.
"""
