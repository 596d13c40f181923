"""SDK v2: XGBoost as built-in algorithm with a validation channel, its metrics, an endpoint; XGBoost in script mode."""

import json
import re
from pathlib import Path

import iris
import numpy as np
import sagemaker
from sagemaker import image_uris
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer
from sagemaker.xgboost import XGBoost

session = sagemaker.Session()
role = sagemaker.get_execution_role(session)
uploaded = session.upload_data(iris.write("iris.csv"), key_prefix="v2-xgboost")
channel = TrainingInput(uploaded, content_type="text/csv")

builtin = Estimator(
    image_uris.retrieve("xgboost", session.boto_region_name, "3.0-5"),
    role,
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
    hyperparameters={"objective": "multi:softmax", "num_class": 3, "num_round": 10, "eval_metric": "merror"},
)
builtin.fit({"train": channel, "validation": channel}, wait=False)
session.wait_for_job(builtin.latest_training_job.name, poll=1)
analytics = TrainingJobAnalytics(builtin.latest_training_job.name, ["validation:merror"], sagemaker_session=session)
table = analytics.dataframe(force_refresh=True)

predictor = builtin.deploy(1, "ml.m5.large", serializer=CSVSerializer(), wait=False)
session.wait_for_endpoint(predictor.endpoint_name, poll=1)
answer = predictor.predict(iris.FEATURES).decode()
predictions = np.array([float(word) for word in re.split(r"[,\s]+", answer.strip())])
predictor.delete_model()
predictor.delete_endpoint()

script = XGBoost(
    entry_point="train_xgboost.py",
    source_dir=str(Path(__file__).parent / "source"),
    framework_version="3.0-5",
    role=role,
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
)
script.fit({"train": uploaded}, wait=False)
job = session.wait_for_job(script.latest_training_job.name, poll=1)

summary = {
    "metric_names": sorted(set(table["metric_name"])),
    "final_error": float(table["value"].iloc[-1]),
    "right": float((predictions == iris.LABELS).mean()),
    "script_status": job["TrainingJobStatus"],
}
Path("summary.json").write_text(json.dumps(summary))
