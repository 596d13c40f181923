"""SDK v2: a Bayesian search over XGBoost's parameters, its table of results, and the best model deployed."""

import json
from pathlib import Path

import iris
import sagemaker
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter

NAME = "v2-tuning"
session = sagemaker.Session()
role = sagemaker.get_execution_role(session)
uploaded = session.upload_data(iris.write("iris.csv"), key_prefix=NAME)
estimator = Estimator(
    image_uris.retrieve("xgboost", session.boto_region_name, "3.0-5"),
    role,
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
    hyperparameters={"objective": "multi:softmax", "num_class": 3, "num_round": 5, "eval_metric": "mlogloss"},
)
tuner = HyperparameterTuner(
    estimator,
    "validation:mlogloss",
    {"eta": ContinuousParameter(0.01, 0.9, scaling_type="Logarithmic"), "max_depth": IntegerParameter(1, 6)},
    objective_type="Minimize",
    max_jobs=4,
    max_parallel_jobs=2,
    early_stopping_type="Auto",
)
data = TrainingInput(uploaded, content_type="text/csv")
tuner.fit({"train": data, "validation": data}, job_name=NAME, wait=False)
tuner.wait()
table = tuner.analytics().dataframe()
attached = HyperparameterTuner.attach(NAME, sagemaker_session=session)
predictor = attached.deploy(1, "ml.m5.large", endpoint_name=NAME, serializer=CSVSerializer())
answer = predictor.predict(iris.FEATURES[:2]).decode()
predictor.delete_endpoint()
described = tuner.describe()
Path("summary.json").write_text(
    json.dumps(
        {
            "status": described["HyperParameterTuningJobStatus"],
            "counters": described["TrainingJobStatusCounters"],
            "best": attached.best_training_job(),
            "losses": sorted(table["FinalObjectiveValue"]),
            "columns": sorted(table.columns),
            "best_loss": described["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
            "answer": answer,
        }
    )
)
