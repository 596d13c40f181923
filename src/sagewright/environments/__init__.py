"""Container images become Python environments: recognised by URI, built by uv, kept by content and reused.

``catalog`` says what an image stands for, ``requirements`` what a user may add, ``builder`` makes it on this machine.
"""
