"""A training script with a mistake in it."""

import sys


def prepare(rows: list[int]) -> int:
    return rows[3]


print("about to go wrong", file=sys.stderr)
prepare([1, 2])
