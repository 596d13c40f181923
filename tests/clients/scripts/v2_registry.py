"""SDK v2: two versions of an XGBoost model registered, the latest approved one deployed and asked, a model card."""

import json
import re
from pathlib import Path

import iris
import numpy as np
import sagemaker
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import ModelPackage
from sagemaker.model_card import ModelCard, ModelCardStatusEnum, ModelOverview
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.serializers import CSVSerializer

GROUP = "v2-registry"
session = sagemaker.Session()
role = sagemaker.get_execution_role(session)
client = session.sagemaker_client
uploaded = session.upload_data(iris.write("iris.csv"), key_prefix=GROUP)
estimator = Estimator(
    image_uris.retrieve("xgboost", session.boto_region_name, "3.0-5"),
    role,
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
    hyperparameters={"objective": "multi:softmax", "num_class": 3, "num_round": 10},
)
estimator.fit({"train": TrainingInput(uploaded, content_type="text/csv")}, wait=False)
session.wait_for_job(estimator.latest_training_job.name, poll=1)
metrics = ModelMetrics(model_statistics=MetricsSource(content_type="application/json", s3_uri=uploaded))
for status in ("PendingManualApproval", "Approved"):
    package = estimator.create_model(name=f"{GROUP}-{status.lower()}").register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        model_package_group_name=GROUP,
        model_metrics=metrics,
        approval_status=status,
        customer_metadata_properties={"owner": "tests"},
        description="of a test",
    )
latest = session.get_most_recently_created_approved_model_package(GROUP)
first = ModelPackage(role=role, model_package_arn=f"{latest.model_package_arn[:-1]}1", sagemaker_session=session)
first.update_customer_metadata({"stage": "trial"})
described = client.describe_model_package(ModelPackageName=first.model_package_arn)
first.deploy(1, "ml.m5.large", endpoint_name=GROUP, wait=False)
session.wait_for_endpoint(GROUP, poll=1)
predictor = sagemaker.Predictor(GROUP, sagemaker_session=session, serializer=CSVSerializer())
answer = predictor.predict(iris.FEATURES).decode()
predictions = np.array([float(word) for word in re.split(r"[,\s]+", answer.strip())])
predictor.delete_endpoint()
approved = client.describe_model_package(ModelPackageName=first.model_package_arn)["ModelApprovalStatus"]

card = ModelCard(
    name=GROUP,
    status=ModelCardStatusEnum.DRAFT,
    model_overview=ModelOverview(model_name="first", model_owner="tests"),
    sagemaker_session=session,
)
card.create()
card.model_overview.model_name = "second"
card.update()
loaded = ModelCard.load(GROUP, sagemaker_session=session)
versions = card.get_version_history()
card.delete()

summary = {
    "group": [
        each["ModelPackageGroupName"] for each in client.list_model_package_groups()["ModelPackageGroupSummaryList"]
    ],
    "latest": latest.model_package_arn,
    "properties": described["CustomerMetadataProperties"],
    "metrics": described["ModelMetrics"],
    "before": described["ModelApprovalStatus"],
    "approved": approved,
    "right": float((predictions == iris.LABELS).mean()),
    "card": loaded.model_overview.model_name,
    "versions": [each["ModelCardVersion"] for each in versions],
}
Path("summary.json").write_text(json.dumps(summary))
