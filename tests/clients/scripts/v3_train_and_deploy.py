"""SDK v3: ModelTrainer with a source folder and requirements, ModelBuilder with inference code, typed resources."""

import io
import json
import logging
from pathlib import Path

import iris
import numpy as np
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import Endpoint, TrainingJob
from sagemaker.core.training.configs import Compute, InputData, SourceCode
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer

SOURCE = str(Path(__file__).parent / "source")

log = io.StringIO()
logging.basicConfig(stream=log, level=logging.INFO, force=True)

session = Session()
role = get_execution_role(session)
uploaded = session.upload_data(iris.write("iris.csv"), key_prefix="v3")
image = image_uris.retrieve("sklearn", session.boto_region_name, "1.2-1", py_version="py3", instance_type="ml.m5.large")

trainer = ModelTrainer(
    sagemaker_session=session,
    role=role,
    training_image=image,
    base_job_name="iris",
    source_code=SourceCode(source_dir=SOURCE, entry_script="train.py", requirements="requirements.txt"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"strength": 0.5},
)
trainer.train(input_data_config=[InputData(channel_name="train", data_source=uploaded)], wait=True, logs=True)
job = TrainingJob.get(training_job_name=trainer._latest_training_job.training_job_name)

builder = ModelBuilder(
    image_uri=image,
    s3_model_data_url=job.model_artifacts.s3_model_artifacts,
    source_code=SourceCode(source_dir=SOURCE, entry_script="train.py"),
    role_arn=role,
    sagemaker_session=session,
    instance_type="ml.m5.large",
)
model = builder.build(model_name=job.training_job_name)
endpoint = builder.deploy(endpoint_name=job.training_job_name, instance_type="ml.m5.large")
body = io.StringIO()
np.savetxt(body, iris.FEATURES, delimiter=",", fmt="%g")
answer = endpoint.invoke(body=body.getvalue(), content_type="text/csv", accept="application/json")
predictions = json.loads(answer.body.read())
status = Endpoint.get(endpoint_name=endpoint.endpoint_name).endpoint_status
endpoint.delete()
model.delete()

summary = {
    "status": job.training_job_status,
    "log": log.getvalue(),
    "listed": job.training_job_name in [item.training_job_name for item in TrainingJob.get_all()],
    "endpoint_status": status,
    "right": float((np.array(predictions) == iris.LABELS).mean()),
}
Path("summary.json").write_text(json.dumps(summary))
