"""SDK v2: Processor, ScriptProcessor and FrameworkProcessor, then a Transformer with filters over the trained model."""

import contextlib
import io
import json
from pathlib import Path

import boto3
import iris
import sagemaker
from sagemaker import image_uris
from sagemaker.inputs import TrainingInput
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput, Processor, ScriptProcessor
from sagemaker.sklearn import SKLearn

SOURCE = str(Path(__file__).parent / "source")

session = sagemaker.Session()
bucket = session.default_bucket()
role = sagemaker.get_execution_role(session)
uploaded = session.upload_data(iris.write("iris.csv"), key_prefix="v2-processing")
image = image_uris.retrieve("sklearn", session.boto_region_name, "1.2-1", instance_type="ml.m5.large")
common = {"role": role, "instance_count": 1, "instance_type": "ml.m5.large", "sagemaker_session": session}


def places() -> dict:
    return {
        "inputs": [ProcessingInput(source=uploaded, destination="/opt/ml/processing/data", input_name="data")],
        "outputs": [
            ProcessingOutput(source="/opt/ml/processing/train", output_name="train"),
            ProcessingOutput(source="/opt/ml/processing/test", output_name="test"),
        ],
        "arguments": ["--every", "3"],
        "wait": False,
        "logs": False,
    }


def ended(processor: Processor) -> dict:
    job = processor.latest_job
    session.wait_for_processing_job(job.job_name, poll=1)
    with contextlib.redirect_stdout(io.StringIO()) as log:  # which, waiting, would look at the job every 30 seconds
        session.logs_for_processing_job(job.job_name, poll=1)
    described = job.describe()
    outputs = described.get("ProcessingOutputConfig", {"Outputs": []})["Outputs"]
    target = {each["OutputName"]: each["S3Output"]["S3Uri"] for each in outputs}
    return {
        "status": described["ProcessingJobStatus"],
        "message": described.get("ExitMessage"),
        "log": log.getvalue(),
        "rows": {
            name: len(sagemaker.s3.S3Downloader.read_file(f"{uri}/{name}.csv", session).splitlines())
            for name, uri in target.items()
        },
        "train": target.get("train"),
    }


plain = Processor(image_uri=image, entrypoint=["/bin/bash", "-c", "echo plain on $HOSTNAME"], **common)
plain.run(wait=False, logs=False)
script = ScriptProcessor(image_uri=image, command=["python3"], **common)
script.run(code=f"{SOURCE}/prepare.py", **places())
framework = FrameworkProcessor(estimator_cls=SKLearn, framework_version="1.2-1", **common)
framework.run(code="prepare.py", source_dir=SOURCE, **places())
processed = {"plain": ended(plain), "script": ended(script), "framework": ended(framework)}

estimator = SKLearn(
    entry_point="train.py", source_dir=SOURCE, framework_version="1.2-1", role=role, instance_type="ml.m5.large",
    sagemaker_session=session,
)  # fmt: skip
# The train output holds train.csv, and train.py reads iris.csv.
boto3.client("s3").copy_object(
    Bucket=bucket, Key="v2-processing/train/iris.csv",
    CopySource=f"{processed['script']['train'].removeprefix('s3://')}/train.csv",
)  # fmt: skip
estimator.fit({"train": TrainingInput(f"s3://{bucket}/v2-processing/train")}, wait=False)
session.wait_for_job(estimator.latest_training_job.name, poll=1)

transformer = estimator.transformer(
    instance_count=1, instance_type="ml.m5.large", strategy="MultiRecord", assemble_with="Line", accept="text/csv"
)
transformer.transform(
    uploaded, content_type="text/csv", split_type="Line", input_filter="$[1:]", join_source="Input",
    output_filter="$[0,-1]", wait=False, logs=False,
)  # fmt: skip
session.wait_for_transform_job(transformer.latest_transform_job.name, poll=1)
with contextlib.redirect_stdout(io.StringIO()) as log:
    session.logs_for_transform_job(transformer.latest_transform_job.name, poll=1)
answers = sagemaker.s3.S3Downloader.read_file(f"{transformer.output_path}/iris.csv.out", session).splitlines()
pairs = [tuple(float(field) for field in line.split(",")) for line in answers]
summary = {
    "processed": processed,
    "transform": session.describe_transform_job(transformer.latest_transform_job.name)["TransformJobStatus"],
    "transform_log": log.getvalue(),
    "right": sum(label == answer for label, answer in pairs) / len(iris.LABELS),
}
Path("summary.json").write_text(json.dumps(summary))
