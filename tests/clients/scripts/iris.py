"""Iris as the tests use it: label first, no header."""

import numpy as np
from sklearn.datasets import load_iris

FEATURES, LABELS = load_iris(return_X_y=True)


def write(path: str) -> str:
    np.savetxt(path, np.column_stack([LABELS, FEATURES]), delimiter=",", fmt="%g")
    return path
