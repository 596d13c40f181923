"""SageMaker's customer-churn notebook with the unmodified SageMaker SDK v2: upload, train, deploy, predict, clean up.

The only thing that is not as on AWS: we ask the SDK to look every second whether something is ready. It would by
itself look every 5 to 30 seconds, because there things take minutes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import churn_data
import sagemaker
from churn_data import step
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer


def main() -> None:
    churn = churn_data.load()
    session = sagemaker.Session()

    with step("upload 4,500 rows to the default bucket"):
        bucket = session.default_bucket()
        channels = {}
        with tempfile.TemporaryDirectory() as folder:
            for name, frame in (("train", churn.train), ("validation", churn.validation)):
                path = churn_data.write_csv(frame, Path(folder) / f"{name}.csv")
                uri = session.upload_data(str(path), bucket=bucket, key_prefix=f"churn/{name}")
                channels[name] = TrainingInput(uri, content_type="text/csv")
        print(f"  s3://{bucket}/churn")

    with step("train the built-in XGBoost"):
        estimator = Estimator(
            image_uri=image_uris.retrieve("xgboost", session.boto_region_name, "3.0-5"),
            role=sagemaker.get_execution_role(session),
            instance_count=1,
            instance_type="ml.m5.large",
            output_path=f"s3://{bucket}/churn/output",
            sagemaker_session=session,
            hyperparameters=churn_data.HYPERPARAMETERS,
        )
        estimator.fit(channels, wait=False)
        job = session.wait_for_job(estimator.latest_training_job.name, poll=1)
        metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
        print(f"  {job['TrainingJobName']}: {', '.join(f'{name} {value:.4f}' for name, value in metrics.items())}")
        if not 0 < metrics["validation:logloss"] < 0.3:
            sys.exit("WRONG: the validation metric is off")

    with step("deploy it to an endpoint"):
        predictor = estimator.deploy(
            initial_instance_count=1, instance_type="ml.m5.large", serializer=CSVSerializer(), wait=False
        )
        session.wait_for_endpoint(predictor.endpoint_name, poll=1)

    with step("predict 500 customers nobody has seen"):
        answer = predictor.predict(churn_data.as_csv(churn.test))
    churn_data.check(churn_data.parse_predictions(answer.decode()), churn)

    with step("clean up"):
        predictor.delete_model()
        predictor.delete_endpoint()
        session.boto_session.resource("s3").Bucket(bucket).objects.filter(Prefix="churn/").delete()


if __name__ == "__main__":
    main()
