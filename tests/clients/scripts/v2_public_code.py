"""SDK v2, as public notebooks use it: a remote function, attach, Parquet channels, an https model, an old pickle."""

import io
import json
import shutil
import sys
import tarfile
from pathlib import Path

import boto3
import numpy as np
import pandas as pd
import sagemaker
from remote_function import make
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.serializers import CSVSerializer

summary = {}
session = sagemaker.Session()
bucket, region = session.default_bucket(), session.boto_region_name
role = sagemaker.get_execution_role(session)
xgboost = sagemaker.image_uris.retrieve("xgboost", region, "1.7-1")

python = f"{sys.version_info.major}.{sys.version_info.minor}"
summary["remote"] = make(f"236514542706.dkr.ecr.{region}.amazonaws.com/sagemaker-base-python:{python}")(20, 22)

rows = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 4)), columns=list("abcd"))
rows.insert(0, "label", (rows["a"] + rows["b"] > 0).astype(int))
rows.to_parquet("train.parquet", index=False)
uploaded = session.upload_data("train.parquet", key_prefix="public/parquet")
estimator = Estimator(
    xgboost, role, 1, "ml.m5.large", sagemaker_session=session,
    hyperparameters={"objective": "binary:logistic", "num_round": "20"},
)  # fmt: skip
estimator.fit({"train": TrainingInput(uploaded, content_type="application/x-parquet")}, logs=False)
attached = Estimator.attach(estimator.latest_training_job.name, session)
summary["attached"] = attached.model_data == estimator.model_data


def ask(model_data: str, body: str) -> list[float]:
    """What an endpoint of the model answers."""
    model = Model(xgboost, model_data, role, sagemaker_session=session, predictor_cls=sagemaker.Predictor)
    predictor = model.deploy(1, "ml.m5.large", serializer=CSVSerializer(), wait=False)
    session.wait_for_endpoint(predictor.endpoint_name, poll=1)
    found = [float(line) for line in predictor.predict(body).split()]
    predictor.delete_endpoint()
    return found


key = attached.model_data.removeprefix(f"s3://{bucket}/")
test = rows.drop(columns="label").head(50)
answers = ask(f"https://s3-{region}.amazonaws.com/{bucket}/{key}", test.to_csv(header=False, index=False))
summary["right"] = float(((np.array(answers) > 0.5) == rows["label"].head(50)).mean())

buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
    pickled = Path(__file__).parents[2] / "runtime/algorithms/xgboost/models/booster-0.90-protocol-0.pickle"
    shutil.copy(pickled, "xgboost-model")
    archive.add("xgboost-model")
boto3.client("s3").put_object(Bucket=bucket, Key="public/old/model.tar.gz", Body=buffer.getvalue())
summary["old"] = ask(f"https://{bucket}.s3.{region}.amazonaws.com/public/old/model.tar.gz", "0.5,-1,2\n1,1,1")
Path("summary.json").write_text(json.dumps(summary))
