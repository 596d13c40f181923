"""SDK v3: ScriptProcessor and FrameworkProcessor; a built-in model asked by a Transformer; typed resources."""

import io
import json
import logging
from pathlib import Path

import iris
from sagemaker.core import image_uris, s3
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor, logs_for_processing_job
from sagemaker.core.resources import Model, ProcessingJob, TransformJob
from sagemaker.core.shapes import (
    ContainerDefinition,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.transformer import Transformer

SOURCE = str(Path(__file__).parent / "source")

log = io.StringIO()
logging.basicConfig(stream=log, level=logging.INFO, force=True)

session = Session()
role = get_execution_role(session)
uploaded = session.upload_data(iris.write("iris.csv"), key_prefix="v3-processing")
image = image_uris.retrieve("sklearn", session.boto_region_name, "1.2-1", py_version="py3", instance_type="ml.m5.large")
common = {
    "image_uri": image, "role": role, "instance_count": 1, "instance_type": "ml.m5.large", "sagemaker_session": session
}  # fmt: skip


def places() -> dict:
    source = ProcessingS3Input(
        s3_uri=uploaded, local_path="/opt/ml/processing/data", s3_data_type="S3Prefix", s3_input_mode="File"
    )

    def output(name: str) -> ProcessingOutput:
        target = f"s3://{session.default_bucket()}/v3-processing/out/{name}"
        place = ProcessingS3Output(s3_uri=target, local_path=f"/opt/ml/processing/{name}", s3_upload_mode="EndOfJob")
        return ProcessingOutput(output_name=name, s3_output=place)

    return {
        "inputs": [ProcessingInput(input_name="data", s3_input=source)],
        "outputs": [output("train"), output("test")],
        "arguments": ["--every", "3"],
        "wait": False,
    }


def ended(processor: ScriptProcessor) -> dict:
    name = processor.latest_job.processing_job_name
    job = ProcessingJob.get(processing_job_name=name)
    job.wait(poll=1)
    logs_for_processing_job(session, name, poll=1)
    uri = f"{job.processing_output_config.outputs[1].s3_output.s3_uri}/test.csv"
    return {
        "status": job.processing_job_status,
        "message": job.exit_message,
        "rows": len(s3.S3Downloader.read_file(uri, session).splitlines()),
    }


script = ScriptProcessor(command=["python3"], **common)
script.run(code=f"{SOURCE}/prepare.py", **places())
framework = FrameworkProcessor(command=["python3"], **common)
framework.run(code="prepare.py", source_dir=SOURCE, requirements="requirements.txt", **places())
processed = {"script": ended(script), "framework": ended(framework)}

Path("inference.py").write_text(
    "def model_fn(folder):\n    return 2\n\n\ndef transform_fn(model, body, content_type, accept):\n"
    "    return ''.join(f'{len(line.split(\",\")) * model}\\n' for line in body.splitlines()), accept\n"
)
import tarfile  # noqa: E402

with tarfile.open("model.tar.gz", "w:gz") as archive:
    archive.add("inference.py", "code/inference.py")
data = session.upload_data("model.tar.gz", key_prefix="v3-processing/model")
Model.create(
    model_name="v3-columns",
    primary_container=ContainerDefinition(image=image, model_data_url=data),
    execution_role_arn=role,
)
transformer = Transformer(
    model_name="v3-columns", instance_count=1, instance_type="ml.m5.large", strategy="MultiRecord",
    assemble_with="Line", accept="text/csv", output_path=f"s3://{session.default_bucket()}/v3-processing/answers",
    sagemaker_session=session,
)  # fmt: skip
transformer.transform(uploaded, content_type="text/csv", split_type="Line", wait=False)
job = TransformJob.get(transform_job_name=transformer.latest_transform_job.transform_job_name)
job.wait(poll=1)
answers = s3.S3Downloader.read_file(f"{transformer.output_path}/iris.csv.out", session).splitlines()
summary = {
    "processed": processed,
    "log": log.getvalue(),
    "transform": TransformJob.get(transform_job_name=job.transform_job_name).transform_job_status,
    "answers": sorted(set(answers)),
    "count": len(answers),
}
Path("summary.json").write_text(json.dumps(summary))
