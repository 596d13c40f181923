"""Your own scikit-learn script with the unmodified SageMaker SDK v2: fit with logs, deploy, predict, clean up."""

from __future__ import annotations

from pathlib import Path

import sagemaker
from churn_data import step
from sagemaker.sklearn import SKLearn
from sklearn.datasets import load_breast_cancer


def main() -> None:
    session = sagemaker.Session()
    with step("train examples/script_mode/train.py (the SDK tails the log and looks every 30 s)"):
        estimator = SKLearn(
            entry_point="train.py",
            source_dir=str(Path(__file__).parent / "script_mode"),
            framework_version="1.2-1",
            role=sagemaker.get_execution_role(session),
            instance_type="ml.m5.large",
            sagemaker_session=session,
            hyperparameters={"trees": 50},
            metric_definitions=[{"Name": "accuracy", "Regex": r"accuracy=(\S+)"}],
        )
        estimator.fit()
    with step("deploy"):
        predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m5.large", wait=False)
        session.wait_for_endpoint(predictor.endpoint_name, poll=1)
    with step("predict"):
        features, labels = load_breast_cancer(return_X_y=True)
        right = (predictor.predict(features) == labels).mean()
        print(f"  {100 * right:.1f} % of all rows told rightly")
        if right < 0.97:
            raise SystemExit("WRONG: too many are told wrongly")
    with step("clean up"):
        predictor.delete_model()
        predictor.delete_endpoint()


if __name__ == "__main__":
    main()
