"""A small XGBoost training script, with the functions the XGBoost container serves by."""

import os
from pathlib import Path

import xgboost


def main() -> None:
    table = xgboost.DMatrix(f"{os.environ['SM_CHANNEL_TRAIN']}/iris.csv?format=csv&label_column=0")
    booster = xgboost.train({"objective": "multi:softmax", "num_class": 3}, table, 10, evals=[(table, "train")])
    booster.save_model(Path(os.environ["SM_MODEL_DIR"]) / "model.json")
    print("trained by", xgboost.__version__)


if __name__ == "__main__":
    main()
