"""SDK v2: a manifest spread over two hosts, checkpoints of one job that the next goes on from, one archive of both."""

import io
import json
import tarfile
from pathlib import Path

import boto3
import sagemaker
from sagemaker.inputs import ShuffleConfig, TrainingInput
from sagemaker.xgboost import XGBoost

SCRIPT = """
import json, os, pathlib
host, hosts = os.environ["SM_CURRENT_HOST"], json.loads(os.environ["SM_HOSTS"])
train = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"])
checkpoints = pathlib.Path("/opt/ml/saved")
print(host, "restored", sorted(path.name for path in checkpoints.iterdir()), flush=True)
names = sorted(path.name for path in train.iterdir())
pathlib.Path(os.environ["SM_MODEL_DIR"], host + ".json").write_text(json.dumps(names))
(checkpoints / f"{host}-{len(list(checkpoints.iterdir()))}").write_text("x")
"""

session = sagemaker.Session()
bucket = session.default_bucket()
role = sagemaker.get_execution_role(session)
s3 = boto3.client("s3")
for number in range(6):
    s3.put_object(Bucket=bucket, Key=f"v2-channels/data/{number}.csv", Body=str(number).encode())
manifest = [{"prefix": f"s3://{bucket}/v2-channels/data/"}, *(f"{number}.csv" for number in range(5))]
s3.put_object(Bucket=bucket, Key="v2-channels/train.manifest", Body=json.dumps(manifest).encode())
Path("source").mkdir()
Path("source/train.py").write_text(SCRIPT)


def fitted(**members) -> XGBoost:
    estimator = XGBoost(
        entry_point="train.py",
        source_dir="source",
        framework_version="1.7-1",
        role=role,
        instance_count=2,
        instance_type="ml.m5.large",
        checkpoint_s3_uri=f"s3://{bucket}/v2-channels/checkpoints",
        checkpoint_local_path="/opt/ml/saved",
        sagemaker_session=session,
    )
    estimator.fit(
        {
            "train": TrainingInput(
                f"s3://{bucket}/v2-channels/train.manifest",
                s3_data_type="ManifestFile",
                distribution="ShardedByS3Key",
                input_mode="FastFile",
                **members,
            )
        },
        logs=False,
    )
    return estimator


def shares(estimator: XGBoost) -> dict:
    """What each host had, out of the one archive."""
    where, _, key = estimator.model_data.removeprefix("s3://").partition("/")
    body = s3.get_object(Bucket=where, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return {member.name: json.load(archive.extractfile(member)) for member in archive if member.isfile()}


first, second = fitted(), fitted(shuffle_config=ShuffleConfig(11))
listed = s3.list_objects_v2(Bucket=bucket, Prefix="v2-channels/checkpoints/")["Contents"]
logs = boto3.client("logs")


def restored(estimator: XGBoost) -> list:
    found = logs.filter_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs",
        logStreamNamePrefix=estimator.latest_training_job.name,
        filterPattern="restored",
    )
    return sorted(event["message"] for event in found["events"])


summary = {
    "shares": shares(first),
    "shuffled": shares(second),
    "checkpoints": sorted(each["Key"].rpartition("/")[2] for each in listed),
    "restored": [restored(first), restored(second)],
}
Path("summary.json").write_text(json.dumps(summary))
