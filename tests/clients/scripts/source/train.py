"""A small scikit-learn training script: hyperparameters as arguments, a metric in the log, files in both outputs."""

import argparse
import os
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--strength", type=float, default=1.0)
    arguments = parser.parse_args()
    table = np.loadtxt(Path(os.environ["SM_CHANNEL_TRAIN"]) / "iris.csv", delimiter=",")
    model = LogisticRegression(C=arguments.strength, max_iter=1000).fit(table[:, 1:], table[:, 0])
    print(f"strength={arguments.strength} accuracy={model.score(table[:, 1:], table[:, 0]):.4f};")
    joblib.dump(model, Path(os.environ["SM_MODEL_DIR"]) / "model.joblib")
    (Path(os.environ["SM_OUTPUT_DATA_DIR"]) / "note.txt").write_text("kept\n")


def model_fn(folder: str) -> LogisticRegression:
    return joblib.load(Path(folder) / "model.joblib")


if __name__ == "__main__":
    main()
