"""A training script as SageMaker's framework containers run it: arguments are hyperparameters, SM_* are the places."""

import argparse
import os
from pathlib import Path

import joblib
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR", "model"))
    arguments = parser.parse_args()

    features, labels = load_breast_cancer(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(features, labels, random_state=0)
    model = RandomForestClassifier(arguments.trees, random_state=0).fit(train_x, train_y)
    print(f"trees={arguments.trees} accuracy={model.score(test_x, test_y):.4f}")
    joblib.dump(model, Path(arguments.model_dir) / "model.joblib")


def model_fn(folder: str) -> RandomForestClassifier:
    """How the endpoint loads what ``main`` saved."""
    return joblib.load(Path(folder) / "model.joblib")


if __name__ == "__main__":
    main()
