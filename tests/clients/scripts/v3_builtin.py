"""SDK v3: XGBoost as built-in algorithm through sagemaker.core alone, and through ModelBuilder."""

import io
import json
import re
from pathlib import Path

import iris
import numpy as np
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import TrainingJob
from sagemaker.core.shapes import (
    AlgorithmSpecification,
    Channel,
    DataSource,
    OutputDataConfig,
    ResourceConfig,
    S3DataSource,
    StoppingCondition,
)
from sagemaker.serve.model_builder import ModelBuilder

session = Session()
role = get_execution_role(session)
bucket = session.default_bucket()
uploaded = session.upload_data(iris.write("iris.csv"), key_prefix="v3-builtin")
image = image_uris.retrieve("xgboost", session.boto_region_name, "3.2-0")


def channel(name: str) -> Channel:
    source = S3DataSource(s3_data_type="S3Prefix", s3_uri=uploaded, s3_data_distribution_type="FullyReplicated")
    return Channel(channel_name=name, data_source=DataSource(s3_data_source=source), content_type="text/csv")


job = TrainingJob.create(
    training_job_name="v3-builtin",
    role_arn=role,
    algorithm_specification=AlgorithmSpecification(training_image=image, training_input_mode="File"),
    hyper_parameters={"objective": "multi:softmax", "num_class": "3", "num_round": "10", "eval_metric": "merror"},
    input_data_config=[channel("train"), channel("validation")],
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/v3-builtin"),
    resource_config=ResourceConfig(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=10),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=600),
)
job.wait(poll=1, logs=True)
builder = ModelBuilder(
    image_uri=image,
    s3_model_data_url=job.model_artifacts.s3_model_artifacts,
    role_arn=role,
    sagemaker_session=session,
    instance_type="ml.m5.large",
)
model = builder.build(model_name="v3-builtin")
endpoint = builder.deploy(endpoint_name="v3-builtin", instance_type="ml.m5.large")
body = io.StringIO()
np.savetxt(body, iris.FEATURES, delimiter=",", fmt="%g")
answer = endpoint.invoke(body=body.getvalue(), content_type="text/csv").body.read().decode()
predictions = np.array([float(word) for word in re.split(r"[,\s]+", answer.strip())])
endpoint.delete()
model.delete()

summary = {
    "metrics": {metric.metric_name: metric.value for metric in job.final_metric_data_list},
    "right": float((predictions == iris.LABELS).mean()),
}
Path("summary.json").write_text(json.dumps(summary))
