"""The customer-churn notebook with the unmodified SageMaker SDK v3: ModelTrainer and ModelBuilder."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import churn_data
from churn_data import step
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import EndpointConfig
from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer


def main() -> None:
    churn = churn_data.load()
    session = Session()
    role = get_execution_role(session)
    image = image_uris.retrieve("xgboost", session.boto_region_name, "3.2-0")

    with step("upload 4,500 rows to the default bucket"):
        bucket = session.default_bucket()
        channels = []
        with tempfile.TemporaryDirectory() as folder:
            for name, frame in (("train", churn.train), ("validation", churn.validation)):
                path = churn_data.write_csv(frame, Path(folder) / f"{name}.csv")
                uri = session.upload_data(str(path), bucket=bucket, key_prefix=f"churn/{name}")
                channels.append(InputData(channel_name=name, data_source=uri, content_type="text/csv"))

    with step("train the built-in XGBoost"):
        trainer = ModelTrainer(
            sagemaker_session=session,
            training_image=image,
            role=role,
            base_job_name="churn",
            compute=Compute(instance_type="ml.m5.large", instance_count=1),
            output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/churn/output"),
            hyperparameters=churn_data.HYPERPARAMETERS,
        )
        trainer.train(input_data_config=channels, wait=True, logs=True)
        job = trainer._latest_training_job
        metrics = {metric.metric_name: metric.value for metric in job.final_metric_data_list}
        print(f"  {job.training_job_name}: {', '.join(f'{name} {value:.4f}' for name, value in metrics.items())}")
        if not 0 < metrics["validation:logloss"] < 0.3:
            sys.exit("WRONG: the validation metric is off")

    # The SDK's own default is below /tmp/sagemaker, which belongs to the first user of a machine who runs it.
    with step("deploy it to an endpoint"), tempfile.TemporaryDirectory() as folder:
        builder = ModelBuilder(
            model_path=folder,
            image_uri=image,
            s3_model_data_url=job.model_artifacts.s3_model_artifacts,
            role_arn=role,
            sagemaker_session=session,
            instance_type="ml.m5.large",
        )
        model = builder.build(model_name=job.training_job_name)
        endpoint = builder.deploy(
            endpoint_name=job.training_job_name, initial_instance_count=1, instance_type="ml.m5.large"
        )

    with step("predict 500 customers nobody has seen"):
        answer = endpoint.invoke(body=churn_data.as_csv(churn.test), content_type="text/csv", accept="text/csv")
    churn_data.check(churn_data.parse_predictions(answer.body.read().decode()), churn)

    with step("clean up"):
        endpoint.delete()
        EndpointConfig.get(endpoint_config_name=job.training_job_name).delete()
        model.delete()
        session.boto_session.resource("s3").Bucket(bucket).objects.filter(Prefix="churn/").delete()


if __name__ == "__main__":
    main()
