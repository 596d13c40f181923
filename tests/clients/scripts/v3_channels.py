"""SDK v3: ModelTrainer with a manifest as channel, checkpoints and TensorBoard output, on two hosts."""

import json
from pathlib import Path

import boto3
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import TrainingJob
from sagemaker.core.shapes import S3DataSource, TensorBoardOutputConfig
from sagemaker.core.training.configs import CheckpointConfig, Compute, InputData, SourceCode
from sagemaker.train import ModelTrainer

SCRIPT = """
import os, pathlib
host = os.environ["SM_CURRENT_HOST"]
names = sorted(path.name for path in pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]).iterdir())
found = sorted(path.name for path in pathlib.Path("/opt/ml/checkpoints").iterdir())
pathlib.Path("/opt/ml/checkpoints", host).write_text(f"{names} {found}")
pathlib.Path("/opt/ml/output/tensorboard", f"events.{host}").write_text("x")
"""

session = Session()
role = get_execution_role(session)
bucket = session.default_bucket()
s3 = boto3.client("s3")
for number in range(4):
    s3.put_object(Bucket=bucket, Key=f"v3-channels/data/{number}.csv", Body=b"x")
s3.put_object(Bucket=bucket, Key="v3-channels/checkpoints/before", Body=b"x")
manifest = [{"prefix": f"s3://{bucket}/v3-channels/data/"}, "0.csv", "1.csv", "2.csv"]
s3.put_object(Bucket=bucket, Key="v3-channels/train.manifest", Body=json.dumps(manifest).encode())
Path("source").mkdir()
Path("source/train.py").write_text(SCRIPT)

trainer = ModelTrainer(
    sagemaker_session=session,
    role=role,
    training_image=image_uris.retrieve(
        "sklearn", session.boto_region_name, "1.2-1", py_version="py3", instance_type="ml.m5.large"
    ),
    base_job_name="channels",
    source_code=SourceCode(source_dir="source", entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=2),
    checkpoint_config=CheckpointConfig(s3_uri=f"s3://{bucket}/v3-channels/checkpoints"),
).with_tensorboard_output_config(TensorBoardOutputConfig(s3_output_path=f"s3://{bucket}/v3-channels/board"))
source = S3DataSource(
    s3_data_type="ManifestFile",
    s3_uri=f"s3://{bucket}/v3-channels/train.manifest",
    s3_data_distribution_type="ShardedByS3Key",
)
trainer.train(input_data_config=[InputData(channel_name="train", data_source=source)], wait=True, logs=False)
name = trainer._latest_training_job.training_job_name
job = TrainingJob.get(training_job_name=name)
kept = s3.list_objects_v2(Bucket=bucket, Prefix="v3-channels/checkpoints/").get("Contents", ())
board = s3.list_objects_v2(Bucket=bucket, Prefix=f"v3-channels/board/{name}/tensorboard-output/").get("Contents", ())
summary = {
    "status": job.training_job_status,
    "checkpoints": {
        each["Key"].rpartition("/")[2]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode()
        for each in kept
    },
    "board": sorted(each["Key"].rpartition("/")[2] for each in board),
}
Path("summary.json").write_text(json.dumps(summary))
