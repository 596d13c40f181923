"""SDK v2: a script that raises. What does its user read?"""

import json
from pathlib import Path

import sagemaker
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.sklearn import SKLearn

session = sagemaker.Session()
estimator = SKLearn(
    entry_point="broken.py",
    source_dir=str(Path(__file__).parent / "source"),
    framework_version="1.2-1",
    role=sagemaker.get_execution_role(session),
    instance_type="ml.m5.large",
    sagemaker_session=session,
)
message = "it did not fail"
try:
    estimator.fit(logs="None")
except UnexpectedStatusException as error:
    message = str(error)
Path("summary.json").write_text(json.dumps({"message": message}))
